/**
 * Keeps what triggers called their functions with, for `EXECUTE EDGE FUNCTION … REPLAY`: in batches, off
 * the call's way, and not beyond a size.
 */
import type { Logger } from "../base/log.ts";
import type { Queryable } from "../catalog/queryable.ts";
import { qualifiedName } from "../functions/function.ts";
import { isSigned } from "./http/signatures.ts";
import type { Trigger } from "./trigger.ts";
import { optionOf } from "./trigger-options.ts";

/** Larger ones are worth more where they came from than in a copy. */
export const MAX_CAPTURED_BYTES = 65_536;

const WRITE_EVERY_MS = 250;

/** While the database is away nothing more is kept: the calls matter, not their copies. */
const MOST_WAITING = 5_000;

/** As the function got it: a payload, an array with a value per parameter, or a request's parts. */
export type CapturedShape = "payload" | "arguments" | "request";

export interface CapturedCall {
  readonly executionId: string;
  readonly eventId: string | null;
  readonly shape: CapturedShape;
  /** JSON text. */
  readonly input: string;
}

interface Captured extends CapturedCall {
  readonly functionId: string;
  readonly triggerName: string;
  readonly redact: readonly string[];
}

export class PayloadCapture implements AsyncDisposable {
  readonly #database: Queryable;
  readonly #log: Logger;
  #waiting: Captured[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(database: Queryable, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  /** Without the values of the keys that REDACT names. To be asked for those that `isCaptured`. */
  add(trigger: Trigger, call: CapturedCall): void {
    if (call.input.length > MAX_CAPTURED_BYTES || this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push({
      ...call,
      functionId: trigger.functionId,
      triggerName: qualifiedName(trigger),
      // Requests come redacted: theirs are not the keys of the record.
      redact: call.shape === "request" ? [] : redactedKeys(trigger),
    });
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS);
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length > 0) this.#writing = this.#writing.then(() => this.#write(batch));
    return this.#writing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush();
  }

  async #write(batch: readonly Captured[]): Promise<void> {
    const rows = batch.map(({ input, redact, ...rest }) => ({
      ...rest,
      // Parsed only where it must be: numbers keep their digits in the text.
      input: redact.length === 0
        ? input
        : JSON.stringify(redacted(JSON.parse(input), new Set(redact))),
    }));
    try {
      await this.#database.query(
        `INSERT INTO edge.captured_payloads
           (execution_id, function_id, trigger_name, event_id, shape, input)
         SELECT (r ->> 'executionId')::uuid, (r ->> 'functionId')::bigint, r ->> 'triggerName',
           r ->> 'eventId', r ->> 'shape', (r ->> 'input')::jsonb
         FROM pg_catalog.jsonb_array_elements($1::jsonb) r ON CONFLICT DO NOTHING`,
        [JSON.stringify(rows)],
      );
    } catch (error) {
      this.#log.warn("payloads cannot be kept for replay", { count: rows.length, error });
    }
  }
}

/** As CAPTURE says; by default all but requests that nobody signs. */
export function isCaptured(trigger: Trigger): boolean {
  const chosen = optionOf(trigger, "CAPTURE");
  if (typeof chosen === "boolean") return chosen;
  return trigger.kind !== "http" || isSigned(String(optionOf(trigger, "AUTH")));
}

export function redactedKeys(trigger: Trigger): readonly string[] {
  return optionOf(trigger, "REDACT") as readonly string[]; // a list option
}

/** What stands for a value that is left out. */
export const REDACTED = "[redacted]";

/** At any depth. */
export function redacted(value: unknown, keys: ReadonlySet<string>): unknown {
  if (keys.size === 0 || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => redacted(item, keys));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      keys.has(key) ? REDACTED : redacted(inner, keys),
    ]),
  );
}
