/** One call inside the instance, from its frame to the end of all its work. */
import type { BodyReceiver } from "../../protocol/body-receiver.ts";
import type { BodySender } from "../../protocol/body-sender.ts";
import { Flag, FrameType, MAX_RESULT_BYTES } from "../../protocol/frame.ts";
import type { CallHead } from "../../protocol/messages.ts";
import type { Outbox } from "../../protocol/outbox.ts";
import { uncurryThis } from "../../protocol/primordials.ts";
import type { BridgedSocket } from "./web-socket.ts";
import type { CallScope } from "./call-scope.ts";
import { hostClient } from "./host-client.ts";
import type { GatedCall } from "./start-gate.ts";

const Controller = AbortController;
const abort = uncurryThis(AbortController.prototype.abort);
const Exception = DOMException;
const { apply } = Reflect;
const { min } = Math;
const { then: promiseThen } = Promise.prototype;
const toPromise = Promise.resolve.bind(Promise);

/** Whole when it came in one frame; a payload's is already text. */
export type CallInput = Uint8Array<ArrayBuffer> | string | BodyReceiver;

/** What a call needs of its instance. */
export interface CallHost {
  readonly outbox: Outbox;
  /** Of a response; see the assignment. */
  readonly maxResponseBytes: number;
  logError(what: string, error: unknown, callId: number): void;
  over(call: RunningCall): void;
}

export class RunningCall implements GatedCall, CallScope {
  readonly id: number;
  readonly executionId: string;
  readonly sentAt: number;
  readonly head: CallHead;
  readonly input: CallInput;
  cancelled = false;
  failed = false;
  sender: BodySender | undefined;
  socket: BridgedSocket | undefined;
  readonly #host: CallHost;
  #controller: AbortController | undefined;
  /** The handler with its response is one piece of work; each `waitUntil` is another. */
  #openWork = 1;
  #mustReportDone = false;
  #completed: Promise<void> | undefined;
  #complete: (() => void) | undefined;

  constructor(
    id: number,
    head: CallHead,
    input: CallInput,
    host: CallHost,
  ) {
    this.id = id;
    this.head = head;
    this.executionId = head.executionId;
    this.sentAt = head.sentAt;
    this.input = input;
    this.#host = host;
  }

  /** More will not be taken of its response or result. */
  get maxResponseBytes(): number {
    const { maxResponseBytes } = this.#host;
    return this.head.kind === "payload"
      ? min(maxResponseBytes, MAX_RESULT_BYTES)
      : maxResponseBytes;
  }

  /** Its caller has got an answer or wants none: nothing more is sent. */
  get closed(): boolean {
    return this.cancelled || this.failed;
  }

  /** Made when first asked for: most functions never do, and a controller costs 3.6 µs. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new Controller();
      if (this.cancelled) abort(this.#controller, cancelReason());
    }
    return this.#controller.signal;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    const reason = cancelReason();
    if (this.#controller !== undefined) abort(this.#controller, reason);
    if (typeof this.input === "object" && "fail" in this.input) this.input.fail(reason);
    this.sender?.stop(reason);
    this.socket?.lost();
    hostClient.cancelled(this.id);
  }

  waitUntil(promise: unknown): void {
    this.#openWork++;
    const done = () => this.release();
    apply(promiseThen, toPromise(promise), [done, (error: unknown) => {
      this.#host.logError("A promise given to waitUntil was rejected", error, this.id);
      done();
    }]);
  }

  /** Flags for the frame that ends the response. */
  endFlags = (): number => {
    if (this.#openWork === 1) return 0;
    this.#mustReportDone = true;
    return Flag.background;
  };

  /** Resolves when the call is over, for those who ask. */
  get completed(): Promise<void> {
    return this.#completed ??= new Promise((resolve) => this.#complete = resolve);
  }

  /** One piece of work is over. */
  release(): void {
    if (--this.#openWork > 0) return;
    if (this.cancelled || this.#mustReportDone) {
      this.#host.outbox.bytes(FrameType.done, 0, this.id);
    }
    this.#complete?.();
    this.#host.over(this);
  }
}

function cancelReason(): DOMException {
  return new Exception("The caller went away or the call timed out", "AbortError");
}
