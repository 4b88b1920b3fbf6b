/**
 * The inside of host calls: asks the platform on behalf of the running call, waits for the answer. What
 * can be asked is in `functions/host-services.ts`.
 */
import { Flag, FrameType } from "../../protocol/frame.ts";
import {
  encodeHostMessage,
  HostMessage,
  MAX_HOST_MESSAGE_BYTES,
  sendHostMessage,
  splitHostFrame,
} from "../../protocol/host-message.ts";
import type { Outbox } from "../../protocol/outbox.ts";
import { uncurryThis } from "../../protocol/primordials.ts";
import { currentCallId } from "./call-scope.ts";
import { encodeResult, parseExact } from "./value-codec.ts";

/** The platform did not do what was asked; `code` says why. */
export class HostError extends Error {
  override readonly name: string = "HostError";
  declare readonly code: string;
  declare readonly hint?: string;
}

/** Postgres did not do it: `code` is its SQLSTATE, the other fields are as Postgres names them. */
export class DatabaseError extends Error {
  override readonly name: string = "DatabaseError";
  declare readonly code: string;
}

interface Pending {
  readonly callId: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Where the question was asked. */
  readonly trace: { readonly stack?: string };
  reply: HostMessage | undefined;
}

interface Reply {
  readonly value?: unknown;
  readonly error?: Readonly<Record<string, unknown>>;
}

const { keys, defineProperty } = Object;
const { captureStackTrace } = Error;
const Table = Map<number, Pending>;
const find = uncurryThis(Table.prototype.get) as (
  table: Map<number, Pending>,
  id: number,
) => Pending | undefined;
const put = uncurryThis(Table.prototype.set) as (
  table: Map<number, Pending>,
  id: number,
  pending: Pending,
) => void;
const remove = uncurryThis(Table.prototype.delete) as (
  table: Map<number, Pending>,
  id: number,
) => boolean;
const forEach = uncurryThis(Table.prototype.forEach) as (
  table: Map<number, Pending>,
  visit: (pending: Pending, id: number) => void,
) => void;
const Future = Promise;
const Exception = DOMException;
const traceLines = /(?:\n\s+at .*)+$/;
const exec = RegExp.prototype.exec;
const { apply } = Reflect;

class HostClient {
  #outbox: Outbox | undefined;
  #lastId = 0;
  /** By id of the host call. Not an object: deleting thousands of numbered properties is quadratic. */
  readonly #pending = new Table();

  connect(outbox: Outbox): void {
    this.#outbox = outbox;
  }

  call(op: string, input: unknown): Promise<unknown> {
    const trace: { stack?: string } = {};
    captureStackTrace(trace, hostCall);
    return new Future((resolve, reject) => {
      const outbox = this.#outbox;
      if (outbox === undefined) throw makeError("unavailable", "the platform is not connected");
      const message = encodeHostMessage(encodeResult({ op, input }));
      if (message.length > MAX_HOST_MESSAGE_BYTES) {
        throw makeError("limit_exceeded", `${op} was given more than 32 MiB`);
      }
      const callId = currentCallId();
      const id = ++this.#lastId;
      put(this.#pending, id, { callId, resolve, reject, trace, reply: undefined });
      sendHostMessage(outbox, FrameType.hostCall, callId, id, message);
    });
  }

  replied(flags: number, payload: Uint8Array): void {
    const { id, chunk } = splitHostFrame(payload);
    const pending = find(this.#pending, id);
    if (pending === undefined) return; // its call was cancelled meanwhile
    const reply = pending.reply ??= new HostMessage();
    reply.add(chunk);
    if ((flags & Flag.end) === 0) return;
    remove(this.#pending, id);
    const { value, error } = parseExact(reply.text()) as Reply;
    if (error === undefined) pending.resolve(value);
    else pending.reject(rebuild(error, pending.trace.stack));
  }

  /** Nobody waits for that call: neither does it wait for anything. */
  cancelled(callId: number): void {
    forEach(this.#pending, (pending, id) => {
      if (pending.callId !== callId) return;
      remove(this.#pending, id);
      pending.reject(new Exception("The caller went away or the call timed out", "AbortError"));
    });
  }
}

export const hostClient = new HostClient();

/**
 * Asks the platform for one thing, in the name of the call that is running. Numbers in the answer that
 * a JavaScript number cannot hold are still as `value-codec.ts` keeps them.
 */
export function hostCall(op: string, input: unknown): Promise<unknown> {
  return hostClient.call(op, input);
}

export function makeError(code: string, message: string): HostError {
  const error = new HostError(message);
  set(error, "code", code);
  return error;
}

function rebuild(fields: Readonly<Record<string, unknown>>, trace: string | undefined): Error {
  const message = fields["message"] as string;
  const error = fields["name"] === "DatabaseError"
    ? new DatabaseError(message)
    : new HostError(message);
  const names = keys(fields);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string; // in range
    if (name !== "name" && name !== "message") set(error, name, fields[name]);
  }
  const lines = apply(exec, traceLines, [trace ?? ""]) as RegExpExecArray | null;
  set(error, "stack", `${error.name}: ${message}${lines === null ? "" : lines[0]}`, false);
  return error;
}

function set(error: Error, name: string, value: unknown, enumerable = true): void {
  defineProperty(error, name, { value, enumerable, writable: true, configurable: true });
}
