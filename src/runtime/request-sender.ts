import { BodySender } from "../protocol/body-sender.ts";
import { Flag, FrameType, INLINE_BODY_BYTES } from "../protocol/frame.ts";
import { encodeMessage } from "../protocol/messages.ts";
import type { Call } from "../functions/call.ts";
import type { CallPort } from "./call-port.ts";

/**
 * Sends a call's head with as much of its body as fits beside it; returns the sender of the rest,
 * if there is any.
 */
export function sendRequest(
  call: Call,
  { outbox, callId }: CallPort,
  onFailure: (error: unknown) => void,
): BodySender | undefined {
  const body = call.kind === "http" ? call.body : call.input;
  const head = headOf(call);
  if (body === null || (!(body instanceof ReadableStream) && body.length <= INLINE_BODY_BYTES)) {
    outbox.head(FrameType.call, Flag.end, callId, head, body);
    return undefined;
  }
  outbox.head(FrameType.call, 0, callId, head, null);
  const sender = new BodySender(outbox, callId);
  const sending = body instanceof ReadableStream
    ? sender.sendStream(body.getReader())
    : typeof body === "string"
    ? sender.sendText(body)
    : sender.sendBytes(body);
  sending.catch(onFailure);
  return sender;
}

function headOf(call: Call): string {
  const { executionId, cause, caller: { role } } = call;
  const sentAt = Date.now();
  if (call.kind === "payload") {
    return encodeMessage({ kind: "payload", executionId, sentAt, shape: call.shape, role, cause });
  }
  const { method, url, headers, params, user } = call;
  const head = { executionId, sentAt, method, url, headers, role, cause, params, user };
  return encodeMessage({ kind: "http", ...head });
}
