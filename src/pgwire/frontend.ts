/** Messages a client writes, as far as somebody here reads or rewrites them. */
import { HEADER_BYTES } from "./framer.ts";
import { FieldReader } from "./reader.ts";
import { Frontend } from "./types.ts";
import { MessageWriter } from "./writer.ts";

/** Views into the buffer the message stands in. */
export interface ParseMessage {
  readonly statementName: Uint8Array;
  readonly query: Uint8Array;
  /** The count and the OIDs of the parameter types, as sent. */
  readonly parameterTypes: Uint8Array;
}

/** The text of a Query message at `bytes[start, end)`, header included. A view. */
export function readQuery(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const reader = new FieldReader(bytes, start + HEADER_BYTES, end);
  const query = reader.stringBytes();
  reader.finish();
  return query;
}

export function readParse(bytes: Uint8Array, start: number, end: number): ParseMessage {
  const reader = new FieldReader(bytes, start + HEADER_BYTES, end);
  const statementName = reader.stringBytes();
  const query = reader.stringBytes();
  return { statementName, query, parameterTypes: reader.bytes(reader.remaining) };
}

export function queryMessage(query: string): Uint8Array<ArrayBuffer> {
  return new MessageWriter().begin(Frontend.query).string(query).end().take();
}

export function parseMessage(
  message: Omit<ParseMessage, "query">,
  query: string,
): Uint8Array<ArrayBuffer> {
  return new MessageWriter().begin(Frontend.parse)
    .bytes(message.statementName).byte(0)
    .string(query)
    .bytes(message.parameterTypes)
    .end().take();
}
