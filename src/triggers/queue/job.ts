/** What a job holds, and what of it the function gets. */
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";
import type { PayloadCall } from "../../functions/call.ts";
import type { FunctionVersion } from "../../functions/function.ts";
import type { Trigger, TriggerOf } from "../trigger.ts";

/** What happened to a row, or, of a FOR EACH STATEMENT trigger, to rows. */
const tableEvent = z.object({
  id: z.string(),
  operation: z.string(),
  table: z.string(),
  new: z.unknown(),
  old: z.unknown(),
  role: z.string(),
  xid: z.string(),
  at: z.string(),
});

export type TableEvent = z.infer<typeof tableEvent>;

const eventsPayload = z.object({ events: z.array(tableEvent).min(1) });

/** Of a message, a tick or an upload. */
const messagePayload = z.object({ message: z.unknown(), eventId: z.string().optional() });

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
      return trigger.spec.timing === "after" && trigger.options["sync"] !== true
        ? `trigger/${trigger.triggerId}`
        : null;
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
    const { events } = parse(eventsPayload, job.payload);
    return tableEventInput(trigger, version, events);
  }
  const { message = null, eventId } = parse(messagePayload, job.payload);
  return { input: JSON.stringify(message), shape: "payload", eventId: eventId ?? job.id };
}

function tableEventInput(
  trigger: TriggerOf<"database">,
  version: FunctionVersion,
  events: readonly TableEvent[],
): JobInput {
  const eventId = events.map(({ id }) => id)[0] ?? "";
  const inputs = events.map((event) => argumentsOf(trigger, event));
  const { parameters } = version;
  const inBatches = Number(trigger.options["batchSize"] ?? 1) > 1;
  if (inBatches) {
    // One array of what each call would have got.
    const batch = inputs.map((list) => list.length === 1 ? list[0] : list);
    return parameters === null
      ? { input: JSON.stringify(batch), shape: "payload", eventId }
      : { input: JSON.stringify([batch]), shape: "arguments", eventId };
  }
  const [list = []] = inputs;
  if (parameters === null) {
    return { input: JSON.stringify(list[0] ?? null), shape: "payload", eventId };
  }
  return { input: JSON.stringify(list.slice(0, parameters.length)), shape: "arguments", eventId };
}

function argumentsOf(trigger: TriggerOf<"database">, event: TableEvent): unknown[] {
  if (trigger.arguments === null || trigger.arguments.length === 0) {
    const { id, operation, table, at } = event;
    return [{ id, trigger: trigger.name, operation, table, at, new: event.new, old: event.old }];
  }
  return trigger.arguments.map((argument) => {
    switch (argument.kind) {
      case "row":
        return event[argument.row];
      case "column":
        return columnOf(event[argument.row], argument.column);
      case "literal":
        return argument.value;
    }
  });
}

function columnOf(row: unknown, column: string): unknown {
  if (typeof row !== "object" || row === null) return null;
  return Object.hasOwn(row, column) ? Reflect.get(row, column) : null;
}

function parse<T>(schema: z.ZodType<T>, payload: unknown): T {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  throw new OrlaError("invalid_request", "the job's payload is none of this platform's", {
    detail: z.prettifyError(parsed.error),
  });
}
