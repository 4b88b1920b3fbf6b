/** What each frame of an instance means. The instance may be hostile: see `protocol/frame.ts`. */
import { Flag, type Frame, FrameType } from "../protocol/frame.ts";
import { decodeCredit, decodeWireError, type WireError } from "../protocol/messages.ts";
import { brokenProtocol } from "./crash.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Delivery } from "./delivery.ts";

export interface FrameEvents {
  imported(): void;
  importFailed(error: WireError): void;
  /** The response has ended, perhaps with work going on; told before the call's own caller is. */
  answered(delivery: Delivery, background: boolean): void;
  /** The call failed, after `answered`. */
  failed(delivery: Delivery, error: WireError): void;
  /** Nothing of the call goes on. */
  done(delivery: Delivery): void;
  /** Whoever waited for the answer has been told. */
  madeRoom(): void;
  /** UTF-8, of which few may be worth decoding. */
  logged(callId: number, level: number, line: Uint8Array): void;
  unhealthy(): void;
  hostCall(callId: number, flags: number, payload: Uint8Array): void;
  /** It wants to know that everything sent to it has been read; 0 when it names no call. */
  asked(lastStarted: number): void;
}

/** Throws ProtocolError for what no honest instance sends. */
export function dispatchFrame(
  { type, flags, callId, payload }: Frame,
  deliveries: Deliveries,
  events: FrameEvents,
  now: number,
): void {
  const delivery = deliveries.find(callId);
  const background = (flags & Flag.background) !== 0;
  switch (type) {
    case FrameType.reply:
    case FrameType.body: {
      if (delivery === undefined) return;
      const { invocation } = delivery;
      const ended = (flags & Flag.end) !== 0;
      if (ended) events.answered(delivery, background);
      try {
        if (type === FrameType.reply) invocation.replied(payload, ended, now);
        else invocation.bodyArrived(payload, ended);
      } catch (cause) {
        // No honest instance's words: it ends for them, which this call, as answered, would not hear.
        invocation.fail(brokenProtocol(cause));
        throw cause;
      }
      if (ended) events.madeRoom();
      return;
    }
    case FrameType.error: {
      const error = decodeWireError(payload);
      if (callId === 0) return events.importFailed(error);
      if (delivery === undefined) return;
      events.answered(delivery, background);
      events.failed(delivery, error);
      return events.madeRoom();
    }
    case FrameType.done:
      if (delivery === undefined) return;
      events.done(delivery);
      return events.madeRoom();
    case FrameType.ready:
      return events.imported();
    case FrameType.credit:
      return delivery?.invocation.granted(decodeCredit(payload));
    case FrameType.cancel:
      return delivery?.invocation.requestBodyUnwanted();
    case FrameType.log:
      return events.logged(callId, flags & 3, payload);
    case FrameType.ping:
      return events.asked(callId);
    case FrameType.pong:
      return;
    case FrameType.socketText:
    case FrameType.socketBinary:
    case FrameType.socketClose:
      return delivery?.invocation.reader?.socket?.frame(type, payload);
    case FrameType.unhealthy:
      return events.unhealthy();
    case FrameType.hostCall:
      return events.hostCall(callId, flags, payload);
    case FrameType.assign:
    case FrameType.call:
    case FrameType.hostReply:
      return; // ours to send; from an instance they mean nothing
  }
}
