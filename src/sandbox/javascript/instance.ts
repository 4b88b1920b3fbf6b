/** Receives the supervisor's frames: imports the module once, then starts, feeds and cancels calls. */
import { BodyReceiver } from "../../protocol/body-receiver.ts";
import { Flag, type Frame, FrameType } from "../../protocol/frame.ts";
import { FrameDecoder } from "../../protocol/frame-decoder.ts";
import {
  type Assignment,
  type CallHead,
  decodeAssignment,
  decodeCallHead,
  decodeCredit,
  decodeSocketClose,
  decodeText,
  encodeMessage,
  splitHead,
} from "../../protocol/messages.ts";
import type { Outbox } from "../../protocol/outbox.ts";
import { copyOf } from "../../protocol/primordials.ts";
import { currentCallId, runInScope } from "./call-scope.ts";
import type { Logger } from "./console.ts";
import { callHandler, type Convention, conventionFor, type Handler } from "./conventions.ts";
import { setVariables } from "./environment.ts";
import { setIdentity } from "./execution-context.ts";
import { describeThrown } from "./errors.ts";
import { findHandler } from "./handler-lookup.ts";
import { hostClient } from "./host-client.ts";
import { sendBody } from "./reply.ts";
import { payloadResult, sendHttpResult } from "./result.ts";
import { callThatThrew } from "./timers.ts";
import { type CallHost, type CallInput, RunningCall } from "./running-call.ts";
import { StartGate } from "./start-gate.ts";
import { installNodeNet } from "./node-net.ts";
import { openWayOut } from "./way-out.ts";
import { encodeResult, encodeTypedResult } from "./value-codec.ts";

interface InstanceOptions {
  readonly outbox: Outbox;
  readonly logger: Logger;
  /** The four bytes that say which call was started last. */
  readonly started: Deno.FsFile;
  readonly loadProcess: () => void;
  readonly commonJsExports: () => unknown;
  /** Gives up the permissions that only importing needed. */
  readonly lockDown: () => void;
}

interface Loaded {
  readonly assignment: Assignment;
  readonly handler: Handler;
  readonly conventions: Readonly<Record<CallHead["kind"], Convention>>;
  readonly encodeForSql: (value: unknown) => string;
}

const ERROR_LEVEL = 3;

export class Instance implements CallHost {
  readonly outbox: Outbox;
  readonly #options: InstanceOptions;
  readonly #decoder = new FrameDecoder((frame) => this.#frame(frame));
  readonly #gate: StartGate<RunningCall>;
  /** Keyed by call id; an object without prototype, as nobody can replace its methods. */
  readonly #calls: Record<number, RunningCall> = Object.create(null);
  #loaded: Loaded | undefined;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.outbox = options.outbox;
    this.#gate = new StartGate(
      options.started,
      (call) => runInScope(call, () => void this.#run(call)),
      (lastStarted) => this.outbox.bytes(FrameType.ping, 0, lastStarted),
    );
  }

  receive(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }

  /**
   * A rejection nobody handled is logged and no more: it may be a stray promise in a healthy
   * function. An exception that escaped a callback fails the call it belongs to, whose result will
   * hardly come any more, and has the instance replaced, as its state may be half changed.
   */
  watchUncaught(): void {
    const errorOf = (event: Event) => (event as ErrorEvent).error;
    const reasonOf = (event: Event) => (event as PromiseRejectionEvent).reason;
    const prevent = (event: Event) => event.preventDefault();
    addEventListener("unhandledrejection", (event) => {
      prevent(event);
      this.logError("Unhandled rejection", reasonOf(event), currentCallId());
    });
    addEventListener("error", (event) => {
      prevent(event);
      const error = errorOf(event);
      const callId = callThatThrew(error);
      this.logError("Uncaught exception", error, callId);
      this.outbox.bytes(FrameType.unhealthy, 0, 0);
      const call = this.#calls[callId];
      if (call !== undefined) this.#fail(call, error);
    });
  }

  logError(what: string, error: unknown, callId: number): void {
    const { name, message, stack } = describeThrown(error);
    this.#options.logger.write(ERROR_LEVEL, `${what}: ${stack ?? `${name}: ${message}`}`, callId);
  }

  get maxResponseBytes(): number {
    return this.#loaded?.assignment.maxResponseBytes ?? 0;
  }

  over(call: RunningCall): void {
    delete this.#calls[call.id];
  }

  #frame(frame: Frame): void {
    const call = this.#calls[frame.callId];
    // Listeners of the call run in its scope, as if it had gone on to them by itself.
    if (call === undefined) this.#handle(frame, undefined);
    else runInScope(call, () => this.#handle(frame, call));
  }

  #handle(frame: Frame, call: RunningCall | undefined): void {
    const { type, callId, payload } = frame;
    switch (type) {
      case FrameType.assign:
        this.#assign(decodeAssignment(payload));
        break;
      case FrameType.call:
        this.#call(frame);
        break;
      case FrameType.body:
        if (call !== undefined) this.#body(call, frame);
        break;
      case FrameType.credit:
        call?.socket?.granted(decodeCredit(payload));
        call?.sender?.grant(decodeCredit(payload));
        break;
      case FrameType.cancel:
        call?.cancel();
        break;
      case FrameType.ping:
        this.outbox.bytes(FrameType.pong, 0, callId);
        break;
      case FrameType.pong:
        this.#gate.pong();
        break;
      case FrameType.socketText:
        call?.socket?.received(decodeText(payload));
        break;
      case FrameType.socketBinary:
        call?.socket?.received(payload);
        break;
      case FrameType.socketClose:
        call?.socket?.peerClosed(decodeSocketClose(payload));
        break;
      case FrameType.hostReply:
        hostClient.replied(frame.flags, payload);
        break;
      case FrameType.ready:
      case FrameType.reply:
      case FrameType.error:
      case FrameType.done:
      case FrameType.log:
      case FrameType.unhealthy:
      case FrameType.hostCall:
        break; // only ever sent from here
    }
  }

  async #assign(assignment: Assignment): Promise<void> {
    const { logger, loadProcess, commonJsExports, lockDown } = this.#options;
    logger.open(assignment.logBacklogBytes);
    try {
      setIdentity(assignment);
      setVariables(assignment.env);
      openWayOut(assignment.egress);
      if (assignment.usesNodeSockets) await installNodeNet();
      if (assignment.usesProcess) loadProcess();
      const module = await import(assignment.url);
      const handler = findHandler(assignment, module, commonJsExports());
      this.#loaded = {
        assignment,
        handler,
        conventions: {
          http: conventionFor(assignment, "http"),
          payload: conventionFor(assignment, "payload"),
        },
        encodeForSql: isJson(assignment.returns) ? encodeResult : encodeTypedResult,
      };
    } catch (error) {
      this.outbox.text(FrameType.error, 0, 0, encodeMessage(describeThrown(error)));
      return;
    } finally {
      lockDown();
    }
    this.outbox.bytes(FrameType.ready, 0, 0);
    this.#gate.open();
  }

  #call({ callId, flags, payload }: Frame): void {
    const { head, body } = splitHead(payload);
    const callHead = decodeCallHead(head);
    const input = this.#input(callId, callHead, body, (flags & Flag.end) !== 0);
    const call = new RunningCall(callId, callHead, input, this);
    this.#calls[callId] = call;
    this.#gate.admit(call);
  }

  #input(callId: number, head: CallHead, body: Uint8Array, whole: boolean): CallInput {
    if (whole) return head.kind === "payload" ? decodeText(body) : copyOf(body);
    const receiver = new BodyReceiver({
      grant: (bytes) => this.outbox.uint32(FrameType.credit, callId, bytes),
      cancelled: () => this.outbox.bytes(FrameType.cancel, 0, callId),
    });
    receiver.first(body);
    return receiver;
  }

  #body({ input }: RunningCall, { flags, payload }: Frame): void {
    if (typeof input !== "object" || !("stream" in input)) return;
    input.push(payload);
    if ((flags & Flag.end) !== 0) input.end();
  }

  async #run(call: RunningCall): Promise<void> {
    const { assignment, handler, conventions, encodeForSql } = this.#loaded as Loaded; // the gate opens after it
    const convention = conventions[call.head.kind];
    try {
      const result = await callHandler(handler, assignment, convention, call);
      if (call.head.kind === "http") await sendHttpResult(this.outbox, call, convention, result);
      else {
        const encode = call.head.shape === "arguments" ? encodeForSql : encodeResult;
        await sendBody(this.outbox, call, "", await payloadResult(convention, result, encode));
      }
    } catch (error) {
      this.#fail(call, error);
    }
    call.release();
  }

  #fail(call: RunningCall, error: unknown): void {
    if (call.closed) return;
    call.failed = true;
    this.outbox.text(FrameType.error, call.endFlags(), call.id, errorMessage(error));
  }
}

/** Made by hand: the function may have given every object a `toJSON` that throws. */
const UNSPEAKABLE = '{"name":"Error","message":"the function broke what errors are told with"}';

function errorMessage(error: unknown): string {
  try {
    return encodeMessage(describeThrown(error));
  } catch {
    return UNSPEAKABLE;
  }
}

function isJson(type: string | null): boolean {
  return type === null || type === "json" || type === "jsonb";
}
