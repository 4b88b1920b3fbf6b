/**
 * The host calls of one instance. What arrives here may be forged: any id, any call, any amount. It is
 * bounded before it is kept, can concern nothing but this instance's own invocations, and is answered
 * with an error where it goes too far; an instance that does not read its answers is ended.
 */
import { OrlaError, toOrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";
import {
  HostCallError,
  type HostCallInvocation,
  type HostErrorFields,
  type HostServices,
} from "../functions/host-services.ts";
import { Flag, FrameType, ProtocolError } from "../protocol/frame.ts";
import {
  encodeHostMessage,
  HostMessage,
  MAX_HOST_MESSAGE_BYTES,
  MAX_OPEN_HOST_CALLS,
  sendHostMessage,
  splitHostFrame,
} from "../protocol/host-message.ts";
import { decodeHostRequest } from "../protocol/messages.ts";
import type { Outbox } from "../protocol/outbox.ts";

/** Unfinished questions of one instance together; also unread answers: two of the longest messages. */
const MAX_HELD_BYTES = 2 * MAX_HOST_MESSAGE_BYTES;

/** Answers that only say that there are too many unread ones may pile up to this, too. */
const MAX_UNREAD_BYTES = MAX_HELD_BYTES + 4 * 1024 * 1024;

export interface HostCallsOptions {
  readonly services: HostServices;
  readonly outbox: Outbox;
  readonly instanceId: string;
  /** `undefined` while the instance is blank. */
  readonly version: () => FunctionVersion | undefined;
  /** The invocation that runs under this id and whose answer somebody waits for. */
  readonly invocationOf: (callId: number) => HostCallInvocation | undefined;
}

interface Open {
  readonly id: number;
  readonly callId: number;
  /** The question so far; `undefined` once it is complete. */
  message: HostMessage | undefined;
}

export class HostCalls {
  readonly #options: HostCallsOptions;
  readonly #open = new Map<number, Open>();
  /** One for each invocation that has asked for anything, and 0. */
  readonly #controllers = new Map<number, AbortController>();
  #lastId = 0;
  #heldBytes = 0;
  #closed = false;

  constructor(options: HostCallsOptions) {
    this.#options = options;
  }

  /** Questions without an answer. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Throws ProtocolError for what no honest instance sends. */
  frame(callId: number, flags: number, payload: Uint8Array): void {
    if (this.#closed) return;
    if (this.#options.outbox.backlogBytes > MAX_UNREAD_BYTES) {
      throw new ProtocolError("the instance does not read the answers to its host calls");
    }
    const { id, chunk } = splitHostFrame(payload);
    const open = this.#open.get(id) ?? this.#begin(id, callId);
    if (open === undefined) return;
    const { message } = open;
    if (open.callId !== callId || message === undefined) {
      throw new ProtocolError("a host call's id is used twice");
    }
    if (message.length + chunk.length > MAX_HOST_MESSAGE_BYTES) {
      return this.#refuse(open, `A host call may have ${MAX_HOST_MESSAGE_BYTES} bytes at most`);
    }
    if (this.#heldBytes + chunk.length > MAX_HELD_BYTES) {
      return this.#refuse(open, "Too many large host calls at once");
    }
    this.#heldBytes += chunk.length;
    message.add(chunk);
    if ((flags & Flag.end) !== 0) this.#complete(open, message);
  }

  /** The invocation is over, or nobody waits for it any more. */
  invocationOver(callId: number): void {
    this.#controllers.get(callId)?.abort(
      new OrlaError("cancelled", "The call that asked is over"),
    );
    this.#controllers.delete(callId);
  }

  /** The instance is gone. */
  close(): void {
    this.#closed = true;
    this.#open.clear();
    for (const callId of [...this.#controllers.keys()]) this.invocationOver(callId);
  }

  #begin(id: number, callId: number): Open | undefined {
    // Ids rise, so an old one belongs to the rest of a question that was refused.
    if (id <= this.#lastId) return undefined;
    this.#lastId = id;
    const open: Open = { id, callId, message: new HostMessage() };
    if (this.#open.size >= MAX_OPEN_HOST_CALLS) {
      this.#refuse(open, `An instance may have ${MAX_OPEN_HOST_CALLS} host calls open at once`);
      return undefined;
    }
    this.#open.set(id, open);
    return open;
  }

  #refuse(open: Open, problem: string): void {
    this.#release(open);
    this.#open.delete(open.id);
    this.#fail(open, new OrlaError("limit_exceeded", problem));
  }

  #release(open: Open): void {
    this.#heldBytes -= open.message?.length ?? 0;
    open.message = undefined;
  }

  #complete(open: Open, message: HostMessage): void {
    this.#release(open);
    const { op, input } = decodeHostRequest(message.text());
    void this.#answer(open, op, input);
  }

  async #answer(open: Open, op: string, input: unknown): Promise<void> {
    const { services, instanceId, outbox } = this.#options;
    try {
      const version = this.#options.version();
      if (version === undefined) throw new OrlaError("invalid_request", "There is no function yet");
      const invocation = this.#invocation(open.callId);
      const { signal } = this.#controller(open.callId);
      const value = await services.call(op, input, { version, instanceId, invocation, signal });
      const reply = encodeHostMessage(`{"value":${value}}`);
      if (reply.length > MAX_HOST_MESSAGE_BYTES) {
        throw new OrlaError("limit_exceeded", `The answer to ${op} is larger than 32 MiB`);
      }
      if (outbox.backlogBytes + reply.length > MAX_HELD_BYTES) {
        throw new OrlaError("limit_exceeded", "Too many large answers wait to be read");
      }
      this.#send(open, reply);
    } catch (thrown) {
      this.#fail(open, thrown);
    } finally {
      this.#open.delete(open.id);
    }
  }

  /** Throws for an id that names no invocation of this instance which runs. */
  #invocation(callId: number): HostCallInvocation | null {
    if (callId === 0) return null;
    const invocation = this.#options.invocationOf(callId);
    if (invocation !== undefined) return invocation;
    throw new OrlaError("cancelled", "The call that asked is over");
  }

  #controller(callId: number): AbortController {
    let controller = this.#controllers.get(callId);
    if (controller === undefined) {
      controller = new AbortController();
      this.#controllers.set(callId, controller);
    }
    return controller;
  }

  #fail(open: Open, thrown: unknown): void {
    this.#send(open, encodeHostMessage(JSON.stringify({ error: fieldsOf(thrown) })));
  }

  #send(open: Open, message: Uint8Array): void {
    if (this.#closed) return;
    sendHostMessage(this.#options.outbox, FrameType.hostReply, open.callId, open.id, message);
  }
}

function fieldsOf(thrown: unknown): HostErrorFields {
  if (thrown instanceof HostCallError) return thrown.fields;
  const { code, message, hint } = toOrlaError(thrown);
  // What went wrong with us is not for a function's eyes.
  const shown = code === "internal" ? "The platform failed to do this" : message;
  return { name: "HostError", message: shown, code, ...hint === undefined ? {} : { hint } };
}
