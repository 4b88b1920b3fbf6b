import { INITIAL_CREDIT, ProtocolError, ProtocolLimitError } from "./frame.ts";
import { copyOf } from "./primordials.ts";

interface BodyReceiverOptions {
  /** The consumer took this many bytes: the sender may send as many more. */
  readonly grant: (bytes: number) => void;
  /** The consumer wants no more. */
  readonly cancelled: (reason: unknown) => void;
}

const Stream = ReadableStream;

/**
 * One incoming body as a stream. Nothing is read ahead of the consumer but what the sender's credit
 * allows, so a slow consumer slows the sender down to its own pace.
 */
export class BodyReceiver {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #options: BodyReceiverOptions;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #next = 0;
  #outstanding = INITIAL_CREDIT;
  #uncreditedFirst = false;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #wanted: (() => void) | undefined;
  #state: "open" | "ended" | "closed" = "open";

  constructor(options: BodyReceiverOptions) {
    this.#options = options;
    this.stream = new Stream({
      // `start` runs inside the constructor, so the controller is there before anything uses it.
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pull(),
      cancel: (reason) => this.#cancel(reason),
    }, { highWaterMark: 0 });
  }

  /** Bytes that rode in the head's frame: not counted against credit. */
  first(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#uncreditedFirst = true;
    this.#add(copyOf(chunk));
  }

  /** Copies the chunk. Throws {@link ProtocolError} when the sender had no credit for it. */
  push(chunk: Uint8Array): void {
    this.#outstanding -= chunk.length;
    if (this.#outstanding < 0) throw new ProtocolLimitError("a body ran past its credit");
    if (this.#state === "closed" || chunk.length === 0) return;
    if (this.#state === "ended") throw new ProtocolError("a body went on after its end");
    this.#add(copyOf(chunk));
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    if (this.#next === this.#chunks.length) this.#close();
  }

  fail(error: unknown): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#chunks.length = 0;
    this.#controller.error(error);
    this.#wanted?.();
  }

  #add(chunk: Uint8Array<ArrayBuffer>): void {
    this.#chunks[this.#chunks.length] = chunk;
    this.#wanted?.();
  }

  async #pull(): Promise<void> {
    if (this.#state === "open" && this.#next === this.#chunks.length) {
      await new Promise<void>((resolve) => this.#wanted = resolve);
      this.#wanted = undefined;
    }
    const chunk = this.#chunks[this.#next];
    if (chunk === undefined || this.#state === "closed") return;
    this.#next++;
    if (this.#next === this.#chunks.length) this.#next = this.#chunks.length = 0;
    this.#controller.enqueue(chunk);
    if (this.#uncreditedFirst) this.#uncreditedFirst = false;
    else if (this.#state === "open") {
      this.#outstanding += chunk.length;
      this.#options.grant(chunk.length);
    }
    if (this.#state === "ended" && this.#chunks.length === 0) this.#close();
  }

  #close(): void {
    this.#state = "closed";
    this.#controller.close();
    this.#wanted?.();
  }

  #cancel(reason: unknown): void {
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    this.#chunks.length = 0;
    if (wasOpen) this.#options.cancelled(reason);
  }
}
