/**
 * What travels on the one unix socket between the supervisor and an instance.
 *
 * A *frame* is `[u32 payload length][u8 type][u8 flags][u32 call id][payload]`, big-endian. Many
 * calls share the socket; a call's frames carry its id, and id 0 speaks of the instance itself. A
 * call whose request and response are small is exactly one frame each way. Larger bodies follow
 * their head as `body` frames under credit: a sender may be {@link INITIAL_CREDIT} bytes ahead of
 * the reader and gets more with each `credit` frame, per call and direction.
 *
 * An instance runs untrusted code that can write anything to its socket. Whatever the supervisor
 * reads is therefore checked here (sizes) and in `messages.ts` (contents) and can concern nothing
 * but that instance's own calls.
 */

export const FrameType = {
  /** Supervisor → blank instance: {@link Assignment} as JSON. */
  assign: 1,
  /** Instance → supervisor: the module is imported. */
  ready: 2,
  /** Supervisor → instance: head and the first bytes of the body. */
  call: 3,
  /** Instance → supervisor: head and the first bytes of the body. */
  reply: 4,
  /** More of a request's or a response's body. */
  body: 5,
  /** `[u32 bytes]` the other side may send more of. */
  credit: 6,
  /** To the instance: nobody waits for this call any more. To the supervisor: send no more of the request's body. */
  cancel: 7,
  /** Instance → supervisor: the call failed; on id 0, the import did. {@link WireError} as JSON. */
  error: 8,
  /** Instance → supervisor: all of the call's work is over (after `background`, or after `cancel`). */
  done: 9,
  /** Instance → supervisor: UTF-8 text; flags carry the index into `logLevels`. */
  log: 10,
  /** Either way: answer with `pong` and the same id. */
  ping: 11,
  pong: 12,
  /** Either way: one message of an accepted WebSocket. */
  socketText: 13,
  socketBinary: 14,
  /** Either way: `[u16 code][UTF-8 reason]`. */
  socketClose: 15,
  /** Instance → supervisor: something escaped every call; take no new work here. */
  unhealthy: 16,
  /** Instance → supervisor: part of a question to the platform; see `host-message.ts`. */
  hostCall: 17,
  /** Supervisor → instance: part of the answer. */
  hostReply: 18,
} as const;

export type FrameType = typeof FrameType[keyof typeof FrameType];

const highestType = FrameType.hostReply;

export const Flag = {
  /** The body ends with this frame. */
  end: 1,
  /** On `reply`: work goes on after the response (`waitUntil`); `done` follows. */
  background: 2,
} as const;

export const logLevels = ["debug", "info", "warn", "error"] as const;

export const HEADER_BYTES = 10;

/** Heads, inlined bodies, log lines and stacks all stay far below; what is longer is an attack or a bug. */
export const MAX_PAYLOAD_BYTES = 1 << 20;

/** A body up to this size rides in its head's frame: most JSON does, and a copy of it is cheap. */
export const INLINE_BODY_BYTES = 64 * 1024;

/** Larger bodies are cut so that one call cannot hold the socket for long. */
export const CHUNK_BYTES = 64 * 1024;

/** Four chunks in flight keep a local socket busy, and a slow reader costs no more memory than this. */
export const INITIAL_CREDIT = 4 * CHUNK_BYTES;

/** A result is held in memory whole and ends in one SQL value or one response. */
export const MAX_RESULT_BYTES = 32 << 20;

/** Call ids are unsigned 32-bit and never reused within an instance. */
export const MAX_CALL_ID = 0xffff_ffff;

export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  readonly callId: number;
  /** Valid only until the decoder's next `push`: copy what must live longer. */
  readonly payload: Uint8Array;
}

/** The bytes are not this protocol's. The connection cannot be trusted to be in step any more. */
export class ProtocolError extends Error {
  override readonly name: string = "ProtocolError";
}

/** More than the protocol allows of something. */
export class ProtocolLimitError extends ProtocolError {
  override readonly name = "ProtocolLimitError";
}

export function isFrameType(value: number): value is FrameType {
  return value >= FrameType.assign && value <= highestType;
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  // Each index is in range by the callers' length checks; `?? 0` only tells the compiler so.
  return (((bytes[offset] ?? 0) << 24) | ((bytes[offset + 1] ?? 0) << 16) |
    ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0)) >>> 0;
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}
