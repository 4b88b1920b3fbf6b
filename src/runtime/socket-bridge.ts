import type { WebSocketBridge } from "../functions/call.ts";
import { FrameType, INITIAL_CREDIT, MAX_PAYLOAD_BYTES, ProtocolError } from "../protocol/frame.ts";
import { MessageSender } from "../protocol/message-sender.ts";
import {
  decodeSocketClose,
  decodeText,
  encodeSocketClose,
  type SocketClose,
} from "../protocol/messages.ts";
import type { CallPort } from "./call-port.ts";

/** Messages a client may have waiting for a slow function. */
const MAX_QUEUED_BYTES = 4 << 20;

/** A client that has this much unread gets no more until it has read. */
const MAX_UNREAD_BYTES = 1 << 20;

/** A WebSocket does not say when it has drained, so it is asked. */
const DRAIN_CHECK_MS = 50;

/**
 * Couples the client's WebSocket with the function's. Messages of the function that come before the
 * client's socket is there are kept; its credit bounds them.
 */
export class SocketBridge implements WebSocketBridge {
  readonly protocol: string;
  readonly #port: CallPort;
  readonly #sender: MessageSender;
  readonly #cancel: () => void;
  readonly #early: (string | Uint8Array<ArrayBuffer>)[] = [];
  readonly #over = Promise.withResolvers<void>();
  #credit = INITIAL_CREDIT;
  #owed = 0;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #client: WebSocket | undefined;
  #closing: SocketClose | undefined;
  #isOver = false;

  constructor(protocol: string, port: CallPort, cancel: () => void) {
    this.protocol = protocol;
    this.#port = port;
    this.#sender = new MessageSender(port.outbox, port.callId);
    this.#cancel = cancel;
  }

  async connect(socket: WebSocket): Promise<void> {
    this.#client = socket;
    socket.binaryType = "arraybuffer";
    const closed = new Promise<void>((resolve) => {
      socket.addEventListener("close", (event) => {
        this.#clientClosed(event);
        resolve();
      });
    });
    socket.addEventListener("message", ({ data }) => this.#fromClient(data));
    // A `close` event follows each error and says all there is to say.
    socket.addEventListener("error", () => {});
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.addEventListener("open", () => this.#opened());
    } else this.#opened();
    await Promise.all([closed, this.#over.promise]);
  }

  /** A frame of the function's end. Throws ProtocolError. */
  frame(type: FrameType, payload: Uint8Array): void {
    if (type === FrameType.socketClose) {
      this.#closing = decodeSocketClose(payload);
      if (this.#client?.readyState === WebSocket.OPEN) this.#closeClient(this.#closing);
      return;
    }
    const text = type === FrameType.socketText;
    const message = text ? decodeText(payload) : payload.slice();
    if (this.#credit <= 0) throw new ProtocolError("WebSocket messages ran past their credit");
    this.#credit -= message.length;
    if (this.#client?.readyState === WebSocket.OPEN) this.#toClient(message);
    else this.#early.push(message);
  }

  granted(bytes: number): void {
    this.#sender.grant(bytes);
  }

  /** The function's end is closed and the call over. */
  ended(): void {
    this.#isOver = true;
    clearTimeout(this.#drainTimer);
    this.#over.resolve();
  }

  /** The instance is gone, or the call was cancelled. */
  lost(): void {
    this.ended();
    if (this.#client?.readyState === WebSocket.OPEN) {
      this.#client.close(1011, "the function ended");
    }
  }

  #opened(): void {
    for (const message of this.#early.splice(0)) this.#toClient(message);
    if (this.#closing !== undefined) this.#closeClient(this.#closing);
    else if (this.#isOver) this.lost();
  }

  #toClient(message: string | Uint8Array<ArrayBuffer>): void {
    this.#client?.send(message);
    this.#owed += message.length;
    this.#repay();
  }

  #repay(): void {
    if (this.#client === undefined || this.#isOver) return;
    if (this.#client.bufferedAmount > MAX_UNREAD_BYTES) {
      this.#drainTimer ??= setTimeout(() => {
        this.#drainTimer = undefined;
        this.#repay();
      }, DRAIN_CHECK_MS);
      return;
    }
    this.#credit += this.#owed;
    this.#port.outbox.uint32(FrameType.credit, this.#port.callId, this.#owed);
    this.#owed = 0;
  }

  #fromClient(data: string | ArrayBuffer): void {
    if (this.#isOver) return;
    const message = typeof data === "string" ? data : new Uint8Array(data);
    const bytes = message.length * (typeof message === "string" ? 3 : 1);
    if (bytes > MAX_PAYLOAD_BYTES) return this.#client?.close(1009, "message too large");
    if (this.#sender.queuedBytes > MAX_QUEUED_BYTES) {
      return this.#client?.close(1013, "the function reads too slowly");
    }
    this.#sender.send(message);
  }

  #clientClosed({ code, reason }: CloseEvent): void {
    if (this.#isOver) return;
    const { outbox, callId } = this.#port;
    // 1006 says that no close came over the wire: the function learns of it as a loss.
    if (code === 1006 && this.#closing === undefined) return this.#cancel();
    outbox.bytes(FrameType.socketClose, 0, callId, encodeSocketClose({ code, reason }));
  }

  #closeClient({ code, reason }: SocketClose): void {
    const sendable = code === 1000 || (code >= 3000 && code <= 4999);
    this.#client?.close(sendable ? code : 1000, sendable ? reason : "");
  }
}
