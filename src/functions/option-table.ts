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
  | {
    readonly kind: "size";
    readonly min: number;
    readonly max: number;
    /** What a value comes out in, and what a number without a unit counts. */
    readonly in: "bytes" | "megabytes";
  }
  | {
    readonly kind: "duration";
    readonly min: number;
    readonly max: number;
    /** Milliseconds that a number without a unit counts. */
    readonly plainUnit: number;
    readonly nullable?: boolean;
  }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  | { readonly kind: "number"; readonly min: number; readonly max: number }
  /** Percent of one processor, or NULL. */
  | { readonly kind: "percent"; readonly min: number; readonly max: number }
  | { readonly kind: "boolean"; readonly nullable?: boolean }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | { readonly kind: "text"; readonly maxLength: number; readonly nullable: boolean }
  | { readonly kind: "list" }
  /** A list of destinations; see `net-rule.ts`. */
  | { readonly kind: "net-rules" }
  /** A JSON object in a string. */
  | { readonly kind: "object" }
  /** A JSON object in a string whose values are text, numbers or booleans; they become text. */
  | { readonly kind: "variables" };

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
  cpuLimitPercent: null,
  cpuTimeMs: null,
  maxResponseBytes: 100 * mb,
  maxLogBytes: mb,
  autoScaling: true,
  coldStartOptimization: false,
  warmCacheSize: 1,
  allowNet: [],
  denyNet: [],
  env: {},
  serviceRole: false,
  pythonEnv: null,
  requirements: [],
  files: [],
  source: null,
};

/** A description is a sentence or two in a list, not a document. */
const maxDescriptionLength = 2000;

const text: OptionType = { kind: "text", maxLength: 10_000, nullable: false };

export const optionTable: readonly OptionSpec[] = [
  supported(
    "MEMORY",
    "memoryMb",
    { kind: "size", min: 16 * mb, max: 4096 * mb, in: "megabytes" },
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

  supported("CPU_LIMIT", "cpuLimitPercent", {
    kind: "percent",
    min: 1,
    max: 10_000,
  }, "Percent of one CPU an instance may use; NULL for no limit."),
  supported("CPU_TIME", "cpuTimeMs", {
    kind: "duration",
    min: 1,
    max: 15 * minute,
    plainUnit: 1,
    nullable: true,
  }, "CPU time one call may use; a number without a unit counts milliseconds, NULL is no limit."),
  supported("MAX_RESPONSE_SIZE", "maxResponseBytes", {
    kind: "size",
    min: 1,
    max: 1024 * 1024 * mb,
    in: "bytes",
  }, "Size one response or result may have; a number without a unit counts bytes."),
  supported("MAX_LOG_SIZE", "maxLogBytes", {
    kind: "size",
    min: 0,
    max: 1024 * mb,
    in: "bytes",
  }, "Log lines of one call that are kept; a number without a unit counts bytes."),
  supported(
    "AUTO_SCALING",
    "autoScaling",
    { kind: "boolean" },
    "Add and remove instances with the load; if false, MIN_INSTANCES (at least one) serve.",
  ),
  supported(
    "COLD_START_OPTIMIZATION",
    "coldStartOptimization",
    { kind: "boolean" },
    "Keep WARM_CACHE_SIZE prepared instances beside those that serve.",
  ),
  supported(
    "WARM_CACHE_SIZE",
    "warmCacheSize",
    { kind: "integer", min: 0, max: 100_000 },
    "Prepared instances, within MAX_INSTANCES; a size alone sets COLD_START_OPTIMIZATION, too.",
  ),
  supported(
    "ALLOW_NET",
    "allowNet",
    { kind: "net-rules" },
    "Private destinations the function may reach, too: ('api.internal:8080', '10.0.0.0/8').",
  ),
  supported(
    "DENY_NET",
    "denyNet",
    { kind: "net-rules" },
    "Destinations the function may not reach; ('*') leaves those of ALLOW_NET.",
  ),
  supported(
    "ENV",
    "env",
    { kind: "variables" },
    "Environment variables of the function, as a JSON object.",
  ),
  supported(
    "SERVICE_ROLE",
    "serviceRole",
    { kind: "boolean" },
    "Whether the function may use the database with its owner's rights as well.",
  ),
  supported("PYTHON_ENV", "pythonEnv", {
    kind: "text",
    maxLength: 63,
    nullable: true,
  }, "The configured Python environment the function runs in; NULL for the default one."),
  supported(
    "REQUIREMENTS",
    "requirements",
    { kind: "list" },
    "Python packages the environment must have: ('numpy>=1.24', 'requests').",
  ),
  supported(
    "FILES",
    "files",
    { kind: "list" },
    "Files of the platform's files directory that the function may read.",
  ),
  supported("SOURCE", "source", {
    kind: "text",
    maxLength: 2000,
    nullable: true,
  }, "Where the code is fetched from, once, when the function is created; its hash is added."),

  unsupported("SECRETS", { kind: "list" }, "Secrets the function may read."),
  unsupported(
    "CACHE_TTL",
    { kind: "duration", min: 0, max: 366 * 24 * 60 * minute, plainUnit: second },
    "How long a result may be served again.",
  ),
  unsupported("CACHE_KEY", text, "What distinguishes cached results."),
  unsupported("VPC_CONFIG", { kind: "object" }, "The private network the function runs in."),
  unsupported("IP_WHITELIST", { kind: "list" }, "Addresses that may call over HTTP."),
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
