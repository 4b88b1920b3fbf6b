/**
 * `Deno.upgradeWebSocket` without a socket: the client's is at the gateway, and its messages travel
 * as frames. The function sees an ordinary `WebSocket` object.
 */
import { FrameType, MAX_PAYLOAD_BYTES } from "../../protocol/frame.ts";
import { encodeSocketClose, type SocketClose } from "../../protocol/messages.ts";
import { MessageSender } from "../../protocol/message-sender.ts";
import type { Outbox } from "../../protocol/outbox.ts";
import { copyOf, uncurryThis } from "../../protocol/primordials.ts";

const dispatch = uncurryThis(EventTarget.prototype.dispatchEvent);
const WebResponse = Response;
const Message = MessageEvent;
const Closing = CloseEvent;
const Plain = Event;
const Binary = Blob;
const Bytes = Uint8Array;
const Buffers = ArrayBuffer;
const { isView } = ArrayBuffer;
const blobBuffer = uncurryThis(Blob.prototype.arrayBuffer);
const sockets = new WeakMap<Response, BridgedSocket>();
const socketOf = sockets.get.bind(sockets);
const remember = sockets.set.bind(sockets);
const headerOf = uncurryThis(Headers.prototype.get);

type Handler = ((event: Event) => unknown) | null;

export class BridgedSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly url: string;
  readonly protocol: string;
  readonly extensions = "";
  binaryType: "blob" | "arraybuffer" = "blob";
  onopen: Handler = null;
  onmessage: Handler = null;
  onclose: Handler = null;
  onerror: Handler = null;
  readyState = 0;
  #sender: MessageSender | undefined;
  #outbox: Outbox | undefined;
  #callId = 0;
  #finished: (() => void) | undefined;

  constructor(url: string, protocol: string) {
    super();
    this.url = url;
    this.protocol = protocol;
  }

  get bufferedAmount(): number {
    return this.#sender?.queuedBytes ?? 0;
  }

  send(data: unknown): void {
    if (this.#sender === undefined) {
      throw new DOMException("the WebSocket is not open yet", "InvalidStateError");
    }
    if (this.readyState !== 1) return;
    if (data instanceof Binary) {
      blobBuffer(data).then((buffer) => this.#sendMessage(new Bytes(buffer)));
    } else if (data instanceof Buffers) this.#sendMessage(copyOf(new Bytes(data)));
    else if (isView(data)) {
      this.#sendMessage(copyOf(new Bytes(data.buffer, data.byteOffset, data.byteLength)));
    } else this.#sendMessage(`${data}`);
  }

  close(code = 1000, reason = ""): void {
    if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new DOMException("a close code is 1000 or 3000 to 4999", "InvalidAccessError");
    }
    if (this.readyState >= 2) return;
    this.readyState = 2;
    this.#sender?.afterQueued(() => this.#sendClose({ code, reason }));
  }

  /** Resolves when both ends are closed. */
  async run(outbox: Outbox, callId: number): Promise<void> {
    this.#outbox = outbox;
    this.#callId = callId;
    this.#sender = new MessageSender(outbox, callId);
    const wasOpen = this.readyState === 0;
    if (wasOpen) this.readyState = 1;
    const finished = new Promise<void>((resolve) => this.#finished = resolve);
    if (wasOpen) this.#emit("open", new Plain("open"));
    else this.#sendClose({ code: 1000, reason: "" });
    await finished;
  }

  received(message: string | Uint8Array): void {
    const size = message.length;
    if (this.readyState === 1) {
      let data: string | ArrayBuffer | Blob;
      if (typeof message === "string") data = message;
      else if (this.binaryType === "blob") data = new Binary([copyOf(message)]);
      else data = copyOf(message).buffer;
      this.#emit("message", new Message("message", { data, origin: this.url }));
    }
    this.#outbox?.uint32(FrameType.credit, this.#callId, size);
  }

  granted(bytes: number): void {
    this.#sender?.grant(bytes);
  }

  peerClosed({ code, reason }: SocketClose): void {
    if (this.readyState === 3) return;
    if (this.readyState === 1) this.#sendClose({ code: code === 1005 ? 1000 : code, reason });
    this.#closed(code, reason, true);
  }

  /** The call was cancelled: the client is gone. */
  lost(): void {
    if (this.readyState !== 3) this.#closed(1006, "", false);
  }

  #closed(code: number, reason: string, wasClean: boolean): void {
    this.readyState = 3;
    if (!wasClean) this.#emit("error", new Plain("error"));
    this.#emit("close", new Closing("close", { code, reason, wasClean }));
    this.#finished?.();
  }

  #sendMessage(message: string | Uint8Array): void {
    if (message.length * (typeof message === "string" ? 3 : 1) > MAX_PAYLOAD_BYTES) {
      throw new RangeError(`a WebSocket message may have ${MAX_PAYLOAD_BYTES} bytes at most`);
    }
    this.#sender?.send(message);
  }

  #sendClose(close: SocketClose): void {
    this.#outbox?.bytes(FrameType.socketClose, 0, this.#callId, encodeSocketClose(close));
  }

  #emit(type: "open" | "message" | "close" | "error", event: Event): void {
    const handler = this[`on${type}`];
    if (typeof handler === "function") {
      try {
        handler.call(this, event);
      } catch (error) {
        reportError(error);
      }
    }
    dispatch(this, event);
  }
}

/** The socket that was accepted by returning this response. */
export function acceptedSocket(response: Response): BridgedSocket | undefined {
  return socketOf(response);
}

interface UpgradeOptions {
  readonly protocol?: string;
}

function upgradeWebSocket(request: Request, options: UpgradeOptions = {}) {
  if (headerOf(request.headers, "upgrade")?.toLowerCase() !== "websocket") {
    throw new TypeError(
      "the request is no WebSocket upgrade: it has no header `upgrade: websocket`",
    );
  }
  const socket = new BridgedSocket(request.url, options.protocol ?? "");
  const response = new WebResponse(null);
  Object.defineProperty(response, "status", { value: 101 });
  remember(response, socket);
  return { socket, response };
}

export function installUpgrade(): void {
  Object.defineProperty(Deno, "upgradeWebSocket", { value: upgradeWebSocket, configurable: true });
}
