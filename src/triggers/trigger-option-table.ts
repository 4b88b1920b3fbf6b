/**
 * Every option of a trigger, in one table: which kinds have it, its values, its default, its meaning.
 * Parsing, ALTER and the manual are made of it.
 */
import type { OptionType } from "../functions/option-table.ts";
import type { ParsedValue } from "../functions/option-value.ts";
import { signatureSchemes } from "./http/signatures.ts";
import type { TriggerKind } from "./trigger.ts";

export interface TriggerOption {
  /** As in SQL. */
  readonly name: string;
  readonly field: string;
  readonly kinds: readonly TriggerKind[];
  /**
   * Of a trigger on a table: whether it means something only where the function runs within the
   * statement, or only where it runs later, by the queue.
   */
  readonly runs?: "within" | "later";
  readonly type: OptionType;
  readonly default: ParsedValue;
  readonly meaning: string;
  /** The values of AUTH with which it means something; any, without. */
  readonly auths?: readonly string[];
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

/** Those whose calls can be replayed. */
const recorded: readonly TriggerKind[] = [...queued, "http", "hook"];

export const triggerOptions: readonly TriggerOption[] = [
  {
    name: "ON_ERROR",
    field: "onError",
    kinds: ["database"],
    runs: "within",
    type: {
      kind: "choice",
      choices: ["reject", "allow"],
    },
    default: "reject",
    meaning:
      "Whether a row is refused or let through when the function of a BEFORE, INSTEAD OF or synchronous AFTER trigger fails.",
  },
  {
    name: "DEADLINE",
    field: "deadlineMs",
    kinds: ["database"],
    runs: "within",
    type: {
      kind: "duration",
      min: 1,
      max: 15 * minute,
      plainUnit: 1,
      nullable: true,
    },
    default: null,
    meaning:
      "How long a writing statement waits for the function; NULL for the function's TIMEOUT.",
  },
  {
    name: "SYNC",
    field: "sync",
    kinds: ["database"],
    type: { kind: "boolean" },
    default: false,
    meaning: "Runs an AFTER trigger within the statement instead of through the queue.",
  },
  {
    name: "BATCH_SIZE",
    field: "batchSize",
    kinds: ["database"],
    runs: "later",
    type: {
      kind: "integer",
      min: 1,
      max: 10_000,
    },
    default: 1,
    meaning: "Events that one call takes at most; more than 1 makes the payload an array.",
  },
  {
    name: "MAX_ATTEMPTS",
    field: "maxAttempts",
    kinds: queued,
    runs: "later",
    type: {
      kind: "integer",
      min: 1,
      max: 100,
    },
    default: 10,
    meaning: "Attempts before a job is dead.",
  },
  {
    name: "RETRY_DELAY",
    field: "retryDelayMs",
    kinds: queued,
    runs: "later",
    type: {
      kind: "duration",
      min: 10,
      max: hour,
      plainUnit: 1,
    },
    default: second,
    meaning: "Wait before the second attempt; it doubles each time, with jitter.",
  },
  {
    name: "MAX_RETRY_DELAY",
    field: "maxRetryDelayMs",
    kinds: queued,
    runs: "later",
    type: {
      kind: "duration",
      min: 10,
      max: 24 * hour,
      plainUnit: 1,
    },
    default: hour,
    meaning: "The longest wait between attempts.",
  },
  {
    name: "CONCURRENCY",
    field: "concurrency",
    kinds: queued,
    runs: "later",
    type: {
      kind: "integer",
      min: 1,
      max: 1000,
    },
    default: 10,
    meaning: "Jobs of the trigger that run at the same time, over all nodes.",
  },
  {
    name: "RATE",
    field: "rate",
    kinds: ["queue", "database"],
    runs: "later",
    type: text,
    default: null,
    meaning: "Jobs in a time at most: '10/s', '100/min'.",
  },
  {
    name: "VISIBILITY_TIMEOUT",
    field: "visibilityTimeoutMs",
    kinds: ["queue"],
    type: {
      kind: "duration",
      min: second,
      max: 24 * hour,
      plainUnit: 1,
      nullable: true,
    },
    default: null,
    meaning:
      "How long an attempt may take before it counts as failed; NULL, and at most, the function's TIMEOUT.",
  },
  {
    name: "CAPTURE",
    field: "capture",
    kinds: recorded,
    runs: "later",
    type: { kind: "boolean", nullable: true },
    default: null,
    meaning:
      "Keeps what the function is called with, so that it can be replayed; NULL for yes, but of requests only those that AUTH has signed.",
  },
  {
    name: "REDACT",
    field: "redact",
    kinds: recorded,
    runs: "later",
    type: { kind: "list" },
    default: [],
    meaning: "Keys whose values are left out of the kept payloads.",
  },
  {
    name: "TIMEZONE",
    field: "timezone",
    kinds: ["schedule"],
    type: text,
    default: "UTC",
    meaning: "The time zone of the schedule: 'Europe/Madrid'.",
  },
  {
    name: "CATCH_UP",
    field: "catchUp",
    kinds: ["schedule"],
    type: {
      kind: "choice",
      choices: ["none", "one", "all"],
    },
    default: "none",
    meaning: "Which of the ticks that were missed while no node ran are made up for.",
  },
  {
    name: "OVERLAP",
    field: "overlap",
    kinds: ["schedule"],
    type: {
      kind: "choice",
      choices: ["skip", "queue", "allow"],
    },
    default: "skip",
    meaning: "What a tick does while the run before it goes on.",
  },
  {
    name: "INPUT",
    field: "input",
    kinds: ["schedule"],
    type: { kind: "object" },
    default: "{}",
    meaning: "The payload of each run, as a JSON object.",
  },
  {
    name: "AUTH",
    field: "auth",
    kinds: ["http"],
    type: {
      kind: "choice",
      choices: ["none", "bearer_token", "api_key", "jwt", ...signatureSchemes],
    },
    default: "none",
    meaning: "Who may call: anyone, holders of a key, or whoever signs with SECRET.",
  },
  {
    name: "SECRET",
    field: "secret",
    kinds: ["http"],
    type: text,
    default: null,
    meaning: "The key that webhooks are signed with.",
    auths: signatureSchemes,
    secret: true,
  },
  {
    name: "SIGNATURE_HEADER",
    field: "signatureHeader",
    kinds: ["http"],
    type: text,
    default: "x-signature",
    meaning: "Where AUTH = 'hmac' looks for the signature.",
    auths: ["hmac"],
  },
  {
    name: "TOLERANCE",
    field: "toleranceMs",
    kinds: ["http"],
    type: {
      kind: "duration",
      min: second,
      max: 24 * hour,
      plainUnit: second,
    },
    default: 5 * minute,
    meaning: "How far from now the time that Stripe or Slack signs with may be.",
    auths: ["stripe", "slack"],
  },
  {
    name: "ISSUER",
    field: "issuer",
    kinds: ["http"],
    type: text,
    default: null,
    meaning: "The `iss` that a token must have; NULL for any.",
    auths: ["jwt"],
  },
  {
    name: "AUDIENCE",
    field: "audience",
    kinds: ["http"],
    type: { kind: "list" },
    default: [],
    meaning: "A token's `aud` must have one of these; () for any.",
    auths: ["jwt"],
  },
  {
    name: "HOST",
    field: "host",
    kinds: ["http"],
    type: text,
    default: null,
    meaning:
      "The host the trigger answers for, or '*.example.org' for all names below it; NULL for any.",
  },
  {
    name: "IP_WHITELIST",
    field: "ipWhitelist",
    kinds: ["http"],
    type: { kind: "list" },
    default: [],
    meaning: "Addresses and networks that may call: ('203.0.113.0/24').",
  },
  {
    name: "PATTERN",
    field: "pattern",
    kinds: ["upload"],
    type: text,
    default: null,
    meaning: "Object names that cause an event: '*.png', 'inbox/**'.",
  },
  {
    name: "MAX_SIZE",
    field: "maxSizeBytes",
    kinds: ["upload"],
    type: {
      kind: "size",
      min: 1,
      max: 5 * 2 ** 20 * mb,
      in: "bytes",
    },
    default: 5 * 1024 * mb,
    meaning: "The largest upload the bucket takes while this trigger stands.",
  },
  {
    name: "MODE",
    field: "mode",
    kinds: ["hook"],
    type: {
      kind: "choice",
      choices: ["parallel", "ordered"],
    },
    default: "parallel",
    meaning: "Whether a hook's functions run together or one after the other, by POSITION.",
  },
  {
    name: "POSITION",
    field: "position",
    kinds: ["hook"],
    type: {
      kind: "integer",
      min: 0,
      max: 10_000,
    },
    default: 100,
    meaning: "Place among the hook's functions.",
  },
  {
    name: "DESCRIPTION",
    field: "description",
    kinds: ["database", "http", "schedule", "queue", "upload", "hook"],
    type: {
      kind: "text",
      maxLength: 2000,
      nullable: true,
    },
    default: null,
    meaning: "A sentence for people; NULL removes it.",
  },
];
