/** What a job holds, and what of it the function gets. */
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";
import type { PayloadCall } from "../../functions/call.ts";
import type { FunctionVersion } from "../../functions/function.ts";
import type { Trigger, TriggerOf } from "../trigger.ts";

/** What happened to a row, or, of a FOR EACH STATEMENT trigger, to rows. */
const tableEvent = z.object({
  id: z.string(),
  role: z.string(),
  xid: z.string(),
  /** What the trigger passes, each as JSON text: never parsed here, so that numbers keep their digits. */
  arguments: z.array(z.string()).min(1),
});

export type TableEvent = z.infer<typeof tableEvent>;

const eventsPayload = z.object({ events: z.array(tableEvent).min(1) });

/** Of a tick, an upload, or a message, whose JSON text is left as it is; NULL is none. */
const messagePayload = z.union([
  z.object({ text: z.string().nullable() }),
  z.object({ message: z.unknown(), eventId: z.string().optional() }),
]);

export interface JobInput {
  readonly input: string;
  readonly shape: PayloadCall["shape"];
  /** The same at each attempt. */
  readonly eventId: string;
}

/** The task whose jobs the trigger takes; see queue.sql. */
export function taskOf(trigger: Trigger): string | null {
  switch (trigger.kind) {
    case "queue":
      return `queue/${trigger.spec.queue}`;
    case "database":
      // Also with SYNC: what was recorded before it was switched on is still to be done.
      return trigger.spec.timing === "after" ? `trigger/${trigger.triggerId}` : null;
    case "schedule":
    case "upload":
      return `trigger/${trigger.triggerId}`;
    case "http":
    case "hook":
      return null;
  }
}

/** Throws `invalid_request` for a payload that is none of ours. */
export function jobInput(
  trigger: Trigger,
  version: FunctionVersion,
  job: { readonly id: string; readonly payload: unknown },
): JobInput {
  if (trigger.kind === "database") {
    return tableEventInput(trigger, version, parse(eventsPayload, job.payload).events);
  }
  const payload = parse(messagePayload, job.payload);
  if ("text" in payload) {
    return { input: payload.text ?? "null", shape: "payload", eventId: job.id };
  }
  const { message = null, eventId = job.id } = payload;
  return { input: JSON.stringify(message), shape: "payload", eventId };
}

function tableEventInput(
  trigger: TriggerOf<"database">,
  { parameters }: FunctionVersion,
  events: readonly TableEvent[],
): JobInput {
  const eventId = events[0]?.id ?? "";
  const inBatches = Number(trigger.options["batchSize"] ?? 1) > 1;
  const values = inBatches
    // One array of what each call would have got.
    ? [
      arrayOf(
        events.map(({ arguments: [first = "null", ...rest] }) =>
          rest.length === 0 ? first : arrayOf([first, ...rest])
        ),
      ),
    ]
    : events[0]?.arguments ?? [];
  return parameters === null
    ? { input: values[0] ?? "null", shape: "payload", eventId }
    : { input: arrayOf(values.slice(0, parameters.length)), shape: "arguments", eventId };
}

function arrayOf(jsonTexts: readonly string[]): string {
  return `[${jsonTexts.join(",")}]`;
}

function parse<T>(schema: z.ZodType<T>, payload: unknown): T {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  throw new OrlaError("invalid_request", "the job's payload is none of this platform's", {
    detail: z.prettifyError(parsed.error),
  });
}
