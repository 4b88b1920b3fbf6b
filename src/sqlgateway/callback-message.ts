/**
 * What `edge.call` and a node say to each other, inside simple queries.
 *
 * A call is one query string: a line of JSON, then the arguments' JSON text as Postgres wrote it,
 * which is never parsed here, so that numbers keep their digits. An answer is one row of two text
 * columns, `state` and `body`; a function's failure is such a row too, because an ErrorResponse would
 * leave dblink's connection in the middle of a query.
 */
import { z } from "zod";
import { OrlaError, toOrlaError } from "../base/errors.ts";
import type { Cause } from "../functions/call.ts";
import {
  OID_TEXT,
  writeCommandComplete,
  writeDataRow,
  writeReadyForQuery,
  writeRowDescription,
} from "../pgwire/backend.ts";
import { TransactionStatus } from "../pgwire/types.ts";
import { MessageWriter } from "../pgwire/writer.ts";

export type CallbackRequest = CallRequest | WarmRequest;

export interface CallRequest {
  readonly kind: "call";
  readonly versionId: string;
  readonly role: string;
  /** Set when a trigger on a table calls, or what a trigger called with is replayed. */
  readonly trigger: {
    readonly kind: "database" | "sql";
    readonly cause: Cause;
    readonly deadlineMs: number | null;
  } | null;
  /** The whole version, sent when this node did not know its id. */
  readonly definition: unknown;
  /** JSON text: an array with a value per declared parameter, the payload, or a recorded request. */
  readonly input: string;
  readonly isRequest: boolean;
}

/** Asks for instances that are ready. */
export interface WarmRequest {
  readonly kind: "warm";
  readonly versionId: string;
  readonly definition: unknown;
}

export type CallbackAnswer =
  | { readonly state: "ok"; readonly body: string }
  /** Asks `edge.call` to send the definition. */
  | { readonly state: "unknown_version"; readonly body: null }
  | { readonly state: "error"; readonly body: string };

const trigger = z.object({
  trigger: z.string(),
  kind: z.enum(["database", "sql"]),
  request: z.boolean().default(false),
  eventId: z.string().nullish(),
  deadlineMs: z.number().positive().nullish(),
});

const header = z.union([
  z.object({ warm: z.string(), def: z.unknown().optional() }),
  z.object({
    v: z.string(),
    role: z.string(),
    extra: trigger.optional(),
    def: z.unknown().optional(),
  }),
]);

/** Throws `invalid_request`. */
export function parseCallbackRequest(query: string): CallbackRequest {
  const lineEnd = query.indexOf("\n");
  if (lineEnd === -1) throw notACall();
  let line: unknown;
  try {
    line = JSON.parse(query.slice(0, lineEnd));
  } catch (thrown) {
    throw notACall(thrown);
  }
  const parsed = header.safeParse(line);
  if (!parsed.success) throw notACall(parsed.error);
  if ("warm" in parsed.data) {
    return { kind: "warm", versionId: parsed.data.warm, definition: parsed.data.def };
  }
  const { v, role, extra, def } = parsed.data;
  return {
    kind: "call",
    versionId: v,
    role,
    isRequest: extra?.request ?? false,
    trigger: extra === undefined ? null : {
      kind: extra.kind,
      cause: { triggerName: extra.trigger, eventId: extra.eventId ?? null },
      deadlineMs: extra.deadlineMs ?? null,
    },
    definition: def,
    input: query.slice(lineEnd + 1),
  };
}

export function errorAnswer(thrown: unknown): CallbackAnswer {
  const { sqlState: sqlstate, chosenSqlState: chosen, message, hint, detail } = toOrlaError(thrown);
  return { state: "error", body: JSON.stringify({ sqlstate, message, hint, detail, chosen }) };
}

/** The whole reply to one query. */
export function encodeAnswer({ state, body }: CallbackAnswer): Uint8Array<ArrayBuffer> {
  const writer = new MessageWriter().bytes(ROW_DESCRIPTION);
  writeDataRow(writer, [state, body]);
  return writer.bytes(END_OF_ANSWER).take();
}

const ROW_DESCRIPTION = encoded((writer) =>
  writeRowDescription(writer, [
    { name: "state", typeOid: OID_TEXT, typeLength: -1 },
    { name: "body", typeOid: OID_TEXT, typeLength: -1 },
  ])
);

const END_OF_ANSWER = encoded((writer) => {
  writeCommandComplete(writer, "SELECT 1");
  writeReadyForQuery(writer, TransactionStatus.idle);
});

function encoded(write: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter();
  write(writer);
  return writer.take();
}

function notACall(cause?: unknown): OrlaError {
  return new OrlaError("invalid_request", "this endpoint only takes calls from edge functions", {
    cause,
    hint: "Connect to the SQL gateway instead.",
  });
}
