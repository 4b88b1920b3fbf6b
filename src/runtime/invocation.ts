/**
 * One call on its way through the runtime.
 *
 * It *waits* until an instance has room, is *delivered* to one, has *replied* once the head of its
 * response is here, and is *over* when the response has ended, failed, timed out or lost its caller.
 * Only over is final: a delivered call that the instance provably never started goes back to
 * waiting. Its record is reported once at the start and once when it is over.
 */
import { OrlaError } from "../base/errors.ts";
import type { Call, HttpReply, PayloadReply } from "../functions/call.ts";
import type { ExecutionEnd, ExecutionSink, ExecutionStart } from "../functions/execution.ts";
import { type FunctionVersion, qualifiedName } from "../functions/function.ts";
import type { Clock } from "./clock.ts";
import type { DeadlineList, HasDeadline } from "./deadline-list.ts";
import { sendRequest } from "./request-sender.ts";
import type { CallPort } from "./call-port.ts";
import { responseTooLarge } from "./function-error.ts";
import { ReplyReader } from "./reply-reader.ts";
import { formatSeconds } from "./format.ts";
import type { BodySender } from "../protocol/body-sender.ts";

export interface InvocationContext {
  readonly clock: Clock;
  readonly sink: ExecutionSink;
  readonly deadlines: DeadlineList<Invocation>;
  /** Called once, when the call is over. */
  readonly over: (invocation: Invocation) => void;
}

type State = "waiting" | "delivered" | "replied" | "over";
type Reply = HttpReply | PayloadReply;

export class Invocation implements HasDeadline<Invocation> {
  readonly version: FunctionVersion;
  readonly call: Call;
  readonly reply: Promise<Reply>;
  readonly deadlineAt: number;
  previous: Invocation | undefined;
  next: Invocation | undefined;
  listed = false;
  /** Times an instance died before the call had started there. Kept by the pool. */
  lostDeliveries = 0;
  /** Kept by the queue it waits in. */
  queued = false;
  queuedAt = 0;
  readonly #context: InvocationContext;
  readonly #record: ExecutionStart;
  readonly #timeoutMs: number;
  #state: State = "waiting";
  #resolve!: (reply: Reply) => void;
  #reject!: (error: OrlaError) => void;
  #port: CallPort | undefined;
  #deliveredAt = 0;
  #coldMs: number | null = null;
  #reader: ReplyReader | undefined;
  #sender: BodySender | undefined;
  #lasts = false;

  constructor(version: FunctionVersion, call: Call, context: InvocationContext) {
    this.version = version;
    this.call = call;
    this.#context = context;
    this.#timeoutMs = Math.min(version.options.timeoutMs, call.deadlineMs ?? Infinity);
    this.deadlineAt = call.arrivedAt + this.#timeoutMs;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#record = {
      executionId: call.executionId,
      functionId: qualifiedName(version),
      version: version.version,
      trigger: call.trigger,
      role: call.caller.role,
      cause: call.cause ?? null,
      startedAt: Date.now() - (context.clock.now() - call.arrivedAt),
    };
    context.sink.started(this.#record);
    context.deadlines.add(this);
    call.cancellation?.onCancel(() => this.cancel());
  }

  /** It has been running for so long that it is worth telling. Tells once. */
  lasts(): void {
    if (this.#lasts) return;
    this.#lasts = true;
    this.#context.sink.lasting(this.#record);
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  get executionId(): string {
    return this.#record.executionId;
  }

  /** Sends the call. The port carries its frames to one instance under one id. */
  deliver(port: CallPort, now: number): void {
    this.#state = "delivered";
    this.#port = port;
    this.#deliveredAt = now;
    this.#sender = sendRequest(this.call, port, (error) => this.#requestFailed(error));
  }

  /** The instance that has the call finished importing only now. */
  instanceReady(now: number): void {
    this.#coldMs = now - this.call.arrivedAt;
    this.#deliveredAt = now;
  }

  /**
   * Whether the call can be sent again: a request body that streams is gone once it was read. What has
   * begun to answer has begun, whatever else the instance claims.
   */
  get repeatable(): boolean {
    const { call } = this;
    if (this.#state === "replied") return false;
    return call.kind === "payload" || !(call.body instanceof ReadableStream);
  }

  /** Back from an instance that never started it. */
  returned(): void {
    this.#sender?.stop(undefined);
    this.#sender = undefined;
    this.#port = undefined;
    this.#state = "waiting";
  }

  /** More of the request's body may be sent. */
  granted(bytes: number): void {
    this.#sender?.grant(bytes);
    this.#reader?.granted(bytes);
  }

  /** The function wants no more of the request's body. */
  requestBodyUnwanted(): void {
    this.#sender?.stop(undefined);
  }

  /** Throws ProtocolError for what no honest instance sends. */
  replied(payload: Uint8Array, ended: boolean, now: number): void {
    if (this.#state !== "delivered" || this.#port === undefined) return;
    this.#state = "replied";
    const execMs = now - this.#deliveredAt;
    this.#reader = new ReplyReader(this.call, payload, ended, {
      port: this.#port,
      timing: { execMs, coldMs: this.#coldMs },
      maxBytes: this.version.options.maxResponseBytes,
      tooLarge: () => responseTooLarge(this.version, this.call.kind === "payload"),
      resolve: this.#resolve,
      cancelled: () => this.cancel(),
      failed: (error) => this.fail(error),
    });
    if (ended) this.#finish("succeeded", null, now);
  }

  /** Throws ProtocolError for what no honest instance sends. */
  bodyArrived(chunk: Uint8Array, ended: boolean): void {
    this.#reader?.body(chunk, ended);
    if (ended && this.#state === "replied") this.#finish("succeeded", null);
  }

  get reader(): ReplyReader | undefined {
    return this.#reader;
  }

  expire(): void {
    if (this.#reader?.outlivesDeadline) return;
    const limit = formatSeconds(this.#timeoutMs);
    this.#end(new OrlaError("timeout", `Execution timeout (${limit})`), "timeout");
  }

  cancel(): void {
    this.#end(new OrlaError("cancelled", "The caller went away"), "cancelled");
  }

  fail(error: OrlaError): void {
    this.#end(error, "failed");
  }

  #requestFailed(_error: unknown): void {
    // The request's body broke off: its sender is gone, and so is whoever waits for the answer.
    this.cancel();
  }

  #end(error: OrlaError, status: "failed" | "timeout" | "cancelled"): void {
    if (this.#state === "over") return;
    const before = this.#state;
    this.#finish(status, error);
    this.#reject(error);
    this.#reader?.fail(error);
    if (before !== "waiting") this.#port?.abandon(status === "timeout");
  }

  #finish(
    status: ExecutionEnd["status"],
    error: OrlaError | null,
    now = this.#context.clock.now(),
  ): void {
    if (this.#state === "over") return;
    this.#state = "over";
    const { deadlines, sink, over } = this.#context;
    deadlines.remove(this);
    over(this);
    this.#sender?.stop(error ?? undefined);
    const httpStatus = this.#reader?.status ?? null;
    // An answer of 500 and above is the function saying that it failed.
    const linesDropped = this.#port?.logLinesDropped() ?? 0;
    const failedItself = status === "succeeded" && httpStatus !== null && httpStatus >= 500;
    sink.finished(this.#record, {
      status: failedItself ? "failed" : status,
      executionTimeMs: now - this.call.arrivedAt,
      coldStartTimeMs: this.#coldMs,
      errorCode: error?.code ?? (linesDropped > 0 ? "log_limit_exceeded" : null),
      errorMessage: error?.message ??
        (failedItself
          ? `The function answered with status ${httpStatus}`
          : linesDropped > 0
          ? `${linesDropped} log lines were dropped`
          : null),
      httpStatus: httpStatus ?? (this.call.kind === "http" ? error?.status ?? null : null),
      memoryUsedMb: this.#port?.memoryUsedMb() ?? null,
      cpuMs: this.#port?.cpuMs(now) ?? null,
    });
  }
}
