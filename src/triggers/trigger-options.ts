/**
 * Every option of a trigger, in one table: which kinds have it, its values, its default, its meaning.
 * Parsing, ALTER and the manual are made of it.
 */
import { closestName } from "../base/closest-name.ts";
import { OrlaError } from "../base/errors.ts";
import type { OptionType } from "../functions/option-table.ts";
import { type ParsedValue, parseValue, ValueError } from "../functions/option-value.ts";
import type { RawOption } from "../functions/options.ts";
import type { TriggerKind } from "./trigger.ts";

export interface TriggerOption {
  /** As in SQL. */
  readonly name: string;
  readonly field: string;
  readonly kinds: readonly TriggerKind[];
  readonly type: OptionType;
  readonly default: ParsedValue;
  readonly meaning: string;
  /** Kept where no view shows it. */
  readonly secret?: true;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const mb = 2 ** 20;
const text: OptionType = { kind: "text", maxLength: 1000, nullable: true };

/** Those whose invocations are jobs of the queue. */
const queued: readonly TriggerKind[] = ["database", "schedule", "queue", "upload"];

export const triggerOptions: readonly TriggerOption[] = [
  option(
    "ON_ERROR",
    "onError",
    ["database"],
    {
      kind: "choice",
      choices: ["reject", "allow"],
    },
    "reject",
    "Whether a row is refused or let through when the function of a BEFORE, INSTEAD OF or synchronous AFTER trigger fails.",
  ),
  option(
    "DEADLINE",
    "deadlineMs",
    ["database"],
    {
      kind: "duration",
      min: 1,
      max: 15 * minute,
      plainUnit: 1,
      nullable: true,
    },
    null,
    "How long a writing statement waits for the function; NULL for the function's TIMEOUT.",
  ),
  option(
    "SYNC",
    "sync",
    ["database"],
    { kind: "boolean" },
    false,
    "Runs an AFTER trigger within the statement instead of through the queue.",
  ),
  option(
    "BATCH_SIZE",
    "batchSize",
    ["database"],
    {
      kind: "integer",
      min: 1,
      max: 10_000,
    },
    1,
    "Events that one call takes at most; more than 1 makes the payload an array.",
  ),
  option(
    "MAX_ATTEMPTS",
    "maxAttempts",
    queued,
    {
      kind: "integer",
      min: 1,
      max: 100,
    },
    10,
    "Attempts before a job is dead.",
  ),
  option(
    "RETRY_DELAY",
    "retryDelayMs",
    queued,
    {
      kind: "duration",
      min: 10,
      max: hour,
      plainUnit: 1,
    },
    second,
    "Wait before the second attempt; it doubles each time, with jitter.",
  ),
  option(
    "MAX_RETRY_DELAY",
    "maxRetryDelayMs",
    queued,
    {
      kind: "duration",
      min: 10,
      max: 24 * hour,
      plainUnit: 1,
    },
    hour,
    "The longest wait between attempts.",
  ),
  option(
    "CONCURRENCY",
    "concurrency",
    queued,
    {
      kind: "integer",
      min: 1,
      max: 1000,
    },
    10,
    "Jobs of the trigger that run at the same time, over all nodes.",
  ),
  option(
    "RATE",
    "rate",
    ["queue", "database"],
    text,
    null,
    "Jobs in a time at most: '10/s', '100/min'.",
  ),
  option(
    "VISIBILITY_TIMEOUT",
    "visibilityTimeoutMs",
    ["queue"],
    {
      kind: "duration",
      min: second,
      max: 24 * hour,
      plainUnit: 1,
      nullable: true,
    },
    null,
    "After this time a job that is neither done nor failed is given to another node; NULL for the function's TIMEOUT and a minute.",
  ),
  option(
    "CAPTURE",
    "capture",
    queued,
    { kind: "boolean" },
    true,
    "Keeps the payload of each execution, so that it can be replayed.",
  ),
  option(
    "REDACT",
    "redact",
    queued,
    { kind: "list" },
    [],
    "Keys whose values are left out of the kept payloads.",
  ),
  option(
    "TIMEZONE",
    "timezone",
    ["schedule"],
    text,
    "UTC",
    "The time zone of the schedule: 'Europe/Madrid'.",
  ),
  option(
    "CATCH_UP",
    "catchUp",
    ["schedule"],
    {
      kind: "choice",
      choices: ["none", "one", "all"],
    },
    "none",
    "Which of the ticks that were missed while no node ran are made up for.",
  ),
  option(
    "OVERLAP",
    "overlap",
    ["schedule"],
    {
      kind: "choice",
      choices: ["skip", "queue", "allow"],
    },
    "skip",
    "What a tick does while the run before it goes on.",
  ),
  option(
    "INPUT",
    "input",
    ["schedule"],
    { kind: "object" },
    "{}",
    "The payload of each run, as a JSON object.",
  ),
  option(
    "AUTH",
    "auth",
    ["http"],
    {
      kind: "choice",
      choices: ["none", "bearer_token", "api_key", "jwt", "hmac", "stripe", "github", "slack"],
    },
    "none",
    "Who may call: anyone, holders of a key, or whoever signs with SECRET.",
  ),
  option("SECRET", "secret", ["http"], text, null, "The key that webhooks are signed with.", true),
  option(
    "SIGNATURE_HEADER",
    "signatureHeader",
    ["http"],
    text,
    "x-signature",
    "Where AUTH = 'hmac' looks for the signature.",
  ),
  option(
    "TOLERANCE",
    "toleranceMs",
    ["http"],
    {
      kind: "duration",
      min: second,
      max: 24 * hour,
      plainUnit: second,
    },
    5 * minute,
    "How old a signed webhook may be.",
  ),
  option(
    "HOST",
    "host",
    ["http"],
    text,
    null,
    "The host name the trigger answers for; NULL for any.",
  ),
  option(
    "IP_WHITELIST",
    "ipWhitelist",
    ["http"],
    { kind: "list" },
    [],
    "Addresses and networks that may call: ('203.0.113.0/24').",
  ),
  option(
    "PATTERN",
    "pattern",
    ["upload"],
    text,
    null,
    "Object names that cause an event: '*.png', 'inbox/**'.",
  ),
  option(
    "MAX_SIZE",
    "maxSizeBytes",
    ["upload"],
    {
      kind: "size",
      min: 1,
      max: 5 * 2 ** 20 * mb,
      in: "bytes",
    },
    5 * 1024 * mb,
    "The largest upload the bucket takes while this trigger stands.",
  ),
  option(
    "MODE",
    "mode",
    ["hook"],
    {
      kind: "choice",
      choices: ["parallel", "ordered"],
    },
    "parallel",
    "Whether a hook's functions run together or one after the other, by POSITION.",
  ),
  option(
    "POSITION",
    "position",
    ["hook"],
    {
      kind: "integer",
      min: 0,
      max: 10_000,
    },
    100,
    "Place among the hook's functions.",
  ),
  option(
    "DESCRIPTION",
    "description",
    ["database", "http", "schedule", "queue", "upload", "hook"],
    {
      kind: "text",
      maxLength: 2000,
      nullable: true,
    },
    null,
    "A sentence for people; NULL removes it.",
  ),
];

const byName = new Map(triggerOptions.map((spec) => [spec.name, spec]));

export interface ParsedTriggerOptions {
  /** Without defaults, by field. */
  readonly options: Readonly<Record<string, ParsedValue>>;
  /** Given by SECRET. */
  readonly secret: string | null;
}

/** `kind` is unknown in ALTER, where the database checks it. Throws `invalid_option`. */
export function parseTriggerOptions(
  raw: readonly RawOption[],
  kind: TriggerKind | null,
): ParsedTriggerOptions {
  const options: Record<string, ParsedValue> = {};
  let secret: string | null = null;
  for (const { name, value: written, nameSpan, valueSpan } of raw) {
    const spec = byName.get(name);
    if (spec === undefined || (kind !== null && !spec.kinds.includes(kind))) {
      throw noSuchOption(name, kind, nameSpan?.start);
    }
    const value = written.kind === "word" && written.value === "default"
      ? spec.default
      : parseValue(spec.type, written);
    if (value instanceof ValueError) {
      throw new OrlaError("invalid_option", `${name} ${value.message}`, {
        ...(valueSpan === undefined ? {} : { position: valueSpan.start }),
        ...(value.hint === undefined ? {} : { hint: value.hint }),
      });
    }
    if (spec.secret === true) secret = value === null ? null : String(value);
    else options[spec.field] = value;
  }
  return { options, secret };
}

/** The option's value in a trigger, or its default. */
export function optionOf(
  trigger: { readonly options: Readonly<Record<string, unknown>> },
  name: string,
): unknown {
  const spec = byName.get(name);
  if (spec === undefined) throw new Error(`there is no trigger option ${name}`);
  return trigger.options[spec.field] ?? spec.default;
}

function noSuchOption(
  name: string,
  kind: TriggerKind | null,
  position: number | undefined,
): OrlaError {
  const known = triggerOptions.filter(({ kinds }) => kind === null || kinds.includes(kind));
  const guess = closestName(name, known.map((spec) => spec.name));
  const place = position === undefined ? {} : { position };
  const elsewhere = byName.get(name);
  if (kind !== null && elsewhere !== undefined) {
    return new OrlaError("invalid_option", `a ${kind} trigger has no option ${name}`, {
      ...place,
      hint: `It belongs to ${elsewhere.kinds.join(", ")} triggers.`,
    });
  }
  return new OrlaError("invalid_option", `there is no trigger option ${name}`, {
    ...place,
    ...(guess === undefined ? {} : { hint: `Did you mean ${guess}?` }),
  });
}

function option(
  name: string,
  field: string,
  kinds: readonly TriggerKind[],
  type: OptionType,
  defaultValue: ParsedValue,
  meaning: string,
  secret?: true,
): TriggerOption {
  return {
    name,
    field,
    kinds,
    type,
    default: defaultValue,
    meaning,
    ...(secret === undefined ? {} : { secret }),
  };
}
