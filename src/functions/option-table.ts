/**
 * Every option of an edge function, in one table: parsing, defaults, `--help` and the manual are all
 * made of it. Options that this release does not carry out are here too, so that they are checked
 * and then refused by name, never accepted and ignored.
 */
import type { FunctionOptions } from "./function.ts";

const mb = 2 ** 20;
const second = 1000;
const minute = 60 * second;

interface OptionBase {
  /** As in SQL, upper case; `MEMORY`. */
  readonly name: string;
  /** For people: what it does. */
  readonly meaning: string;
}

/** What values an option takes. Sizes are in bytes, durations in milliseconds. */
export type OptionType =
  | { readonly kind: "size"; readonly min: number; readonly max: number }
  | {
    readonly kind: "duration";
    readonly min: number;
    readonly max: number;
    /** Milliseconds that a number without a unit counts. */
    readonly plainUnit: number;
  }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  | { readonly kind: "number"; readonly min: number; readonly max: number }
  | { readonly kind: "boolean" }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | { readonly kind: "text"; readonly maxLength: number; readonly nullable: boolean }
  | { readonly kind: "list" }
  /** A JSON object in a string. */
  | { readonly kind: "object" };

export interface SupportedOption extends OptionBase {
  readonly supported: true;
  /** Where its value goes. */
  readonly field: keyof FunctionOptions;
  readonly type: OptionType;
}

export interface UnsupportedOption extends OptionBase {
  readonly supported: false;
  readonly type: OptionType;
}

export type OptionSpec = SupportedOption | UnsupportedOption;

/** What CREATE EDGE FUNCTION gives to options that it does not name. */
export const defaultOptions: FunctionOptions = {
  memoryMb: 128,
  timeoutMs: 30 * second,
  concurrency: 64,
  minInstances: 0,
  maxInstances: 8,
  auth: "key",
  handler: "auto",
  description: null,
  enabled: true,
};

/** A description is a sentence or two in a list, not a document. */
const maxDescriptionLength = 2000;

const text: OptionType = { kind: "text", maxLength: 10_000, nullable: false };

export const optionTable: readonly OptionSpec[] = [
  supported(
    "MEMORY",
    "memoryMb",
    { kind: "size", min: 16 * mb, max: 4096 * mb },
    "Memory one instance may use; a number without a unit counts megabytes.",
  ),
  supported("TIMEOUT", "timeoutMs", {
    kind: "duration",
    min: 1,
    max: 15 * minute,
    plainUnit: 1,
  }, "Time a call may take; a number without a unit counts milliseconds."),
  supported(
    "CONCURRENCY",
    "concurrency",
    { kind: "integer", min: 1, max: 10_000 },
    "Calls one instance runs at the same time.",
  ),
  supported(
    "MIN_INSTANCES",
    "minInstances",
    { kind: "integer", min: 0, max: 1000 },
    "Instances kept running although idle.",
  ),
  supported(
    "MAX_INSTANCES",
    "maxInstances",
    { kind: "integer", min: 1, max: 1000 },
    "Instances on one node, at most.",
  ),
  supported(
    "AUTH",
    "auth",
    { kind: "choice", choices: ["key", "none"] },
    "Who may call over HTTP: holders of a key, or anyone.",
  ),
  supported(
    "HANDLER",
    "handler",
    { kind: "choice", choices: ["auto", "request", "payload"] },
    "How the code is called: as it looks (auto), with a Request, or with the payload.",
  ),
  supported("DESCRIPTION", "description", {
    kind: "text",
    maxLength: maxDescriptionLength,
    nullable: true,
  }, "A sentence for people; NULL removes it."),
  supported("ENABLED", "enabled", { kind: "boolean" }, "Whether calls are answered at all."),

  unsupported("SOURCE", text, "A URL to load the code from."),
  unsupported("SECRETS", { kind: "list" }, "Secrets the function may read."),
  unsupported("ENV", { kind: "object" }, "Environment variables of the function."),
  unsupported("CPU_LIMIT", { kind: "number", min: 1, max: 10_000 }, "Percent of one CPU."),
  unsupported(
    "COLD_START_OPTIMIZATION",
    { kind: "boolean" },
    "Keep prepared instances to shorten first calls.",
  ),
  unsupported("WARM_CACHE_SIZE", { kind: "integer", min: 0, max: 100_000 }, "Warm instances kept."),
  unsupported("AUTO_SCALING", { kind: "boolean" }, "Add and remove instances with the load."),
  unsupported(
    "CACHE_TTL",
    { kind: "duration", min: 0, max: 366 * 24 * 60 * minute, plainUnit: second },
    "How long a result may be served again.",
  ),
  unsupported("CACHE_KEY", text, "What distinguishes cached results."),
  unsupported("VPC_CONFIG", { kind: "object" }, "The private network the function runs in."),
  unsupported("IP_WHITELIST", { kind: "list" }, "Addresses that may call over HTTP."),
  unsupported("ALLOW_NET", { kind: "list" }, "Private hosts the function may reach."),
  unsupported("DENY_NET", { kind: "list" }, "Hosts the function may not reach."),
  unsupported("TRACING", { kind: "boolean" }, "Record a trace of each call."),
  unsupported("SAMPLING_RATE", { kind: "number", min: 0, max: 1 }, "Share of calls traced."),
  unsupported("DOMAIN", text, "A host name of the function's own."),
];

function supported(
  name: string,
  field: keyof FunctionOptions,
  type: OptionType,
  meaning: string,
): SupportedOption {
  return { name, supported: true, field, type, meaning };
}

function unsupported(name: string, type: OptionType, meaning: string): UnsupportedOption {
  return { name, supported: false, type, meaning };
}
