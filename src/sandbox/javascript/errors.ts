/** Describes whatever a function threw, without trusting it: getters throw, proxies lie, text is endless. */
import { ProtocolLimitError } from "../../protocol/frame.ts";
import type { ClaimableCode, WireError } from "../../protocol/messages.ts";
import { uncurryThis } from "../../protocol/primordials.ts";

/** A message longer than this helps nobody; three of them must fit a frame. */
const MAX_TEXT = 16 * 1024;

const slice = uncurryThis(String.prototype.slice);
const toText = String;

export class InvalidInput extends Error {
  override readonly name = "InvalidInput";
}

/** Known to be refused, so not sent. */
export class ResponseTooLarge extends Error {
  override readonly name = "ResponseTooLarge";
}

function codeOf(thrown: unknown): ClaimableCode | undefined {
  if (thrown instanceof InvalidInput) return "invalid_request";
  // What loads WebAssembly has a class of its own.
  if (thrown instanceof Error && thrown.name === "InvalidInput") return "invalid_request";
  if (thrown instanceof ResponseTooLarge) return "response_too_large";
  if (thrown instanceof ProtocolLimitError) return "limit_exceeded";
  return undefined;
}

export function describeThrown(thrown: unknown): WireError {
  if ((typeof thrown !== "object" && typeof thrown !== "function") || thrown === null) {
    return { name: "Error", message: `thrown: ${clip(safely(() => toText(thrown)) ?? "?")}` };
  }
  const name = textOf(thrown, "name") ?? "Error";
  const message = textOf(thrown, "message") ?? safely(() => inspect(thrown)) ??
    "an unreadable value";
  const stack = textOf(thrown, "stack");
  const code = safely(() => codeOf(thrown));
  // As of errors of Postgres. Whether it is a SQLSTATE, the supervisor sees.
  const sqlState = textOf(thrown, "code");
  return {
    name: clip(name),
    message: clip(message),
    ...(stack === undefined ? {} : { stack: clip(stack) }),
    ...(code === undefined ? {} : { code }),
    ...(sqlState?.length === 5 ? { sqlState } : {}),
  };
}

const inspect = Deno.inspect;

function textOf(value: object, key: "name" | "message" | "stack" | "code"): string | undefined {
  const text = safely(() => (value as Record<string, unknown>)[key]);
  return typeof text === "string" ? text : undefined;
}

function safely<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

function clip(text: string): string {
  return text.length > MAX_TEXT ? `${slice(text, 0, MAX_TEXT)}… (${text.length} characters)` : text;
}
