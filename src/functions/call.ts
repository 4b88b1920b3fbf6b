/**
 * One call of a function, as gateways and triggers hand it to the runtime, and what comes back.
 *
 * An *http* call carries a whole request and answers with a whole response, both streamed. A
 * *payload* call carries JSON arguments and answers with one JSON value. The instance bridges to
 * whichever style its code has.
 */
import type { Cancellation } from "./cancellation.ts";
import type { FunctionVersion } from "./function.ts";

/** What caused the call; kept in `system.edge_function_executions.trigger`. */
export type Trigger =
  | "http"
  | "sql"
  | "api"
  | "database"
  | "schedule"
  | "queue"
  | "upload"
  | "hook";

/** The trigger behind a call, and which event of it. */
export interface Cause {
  /** `qualifiedName` of the trigger. */
  readonly triggerName: string;
  /** The same each time the event is tried: what functions recognise repetitions by. */
  readonly eventId: string | null;
  /** Of a job, from 1. */
  readonly attempt?: number;
}

/** Who a verified token says is calling. */
export interface User {
  readonly id: string | null;
  readonly email: string | null;
  readonly role: string | null;
  readonly sessionId: string | null;
}

/** On whose behalf the call runs. */
export interface Caller {
  /** The Postgres role whose rights apply, or `null` for an anonymous HTTP caller. */
  readonly role: string | null;
  /** Came with the service key. */
  readonly service: boolean;
}

export interface CallBase {
  /** UUID version 7, made at the edge; also the `x-orla-execution-id`. */
  readonly executionId: string;
  readonly trigger: Trigger;
  readonly caller: Caller;
  readonly cause?: Cause | undefined;
  /** Milliseconds the caller waits, where that is less than the function's TIMEOUT. */
  readonly deadlineMs?: number;
  /** `performance.now()` when the call reached the platform. */
  readonly arrivedAt: number;
  /** Cancelled when the caller goes away. */
  readonly cancellation?: Cancellation;
}

/** Names and values alternate, as they travel to the instance; repeated names are allowed. */
export type HeaderList = readonly string[];

export interface HttpCall extends CallBase {
  readonly kind: "http";
  readonly method: string;
  /** Absolute, as the client sees it. */
  readonly url: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  /** What a trigger's path took out of the URL. */
  readonly params?: Readonly<Record<string, string>> | undefined;
  readonly user?: User | undefined;
}

export interface PayloadCall extends CallBase {
  readonly kind: "payload";
  /**
   * JSON text. With `shape: "arguments"` an array that holds one value per declared parameter, as
   * `to_jsonb` renders each; with `shape: "payload"` any JSON value.
   */
  readonly input: string;
  readonly shape: "arguments" | "payload";
}

export type Call = HttpCall | PayloadCall;

export interface Timing {
  /** Milliseconds in the instance: call sent to response head received. */
  readonly execMs: number;
  /** Milliseconds to get an instance ready, or `null` on a warm call. */
  readonly coldMs: number | null;
}

export interface HttpReply {
  readonly kind: "http";
  readonly status: number;
  readonly headers: HeaderList;
  /** A whole body when it fitted the head's frame; cancelling the stream cancels the call. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  /** Set when the function accepted a WebSocket upgrade: connect it to the client's socket. */
  readonly webSocket: WebSocketBridge | null;
  readonly timing: Timing;
}

export interface PayloadReply {
  readonly kind: "payload";
  /** JSON text of the result. */
  readonly output: string;
  readonly timing: Timing;
}

export type ReplyTo<C extends Call> = C extends HttpCall ? HttpReply : PayloadReply;

/** The function's end of an accepted WebSocket. */
export interface WebSocketBridge {
  readonly protocol: string;
  /** Couples the client's open socket with the function; resolves when both ends are closed. */
  connect(socket: WebSocket): Promise<void>;
}

/** Implemented by `runtime/`, called by gateways and triggers. Throws `OrlaError`. */
export interface Invoker {
  invoke<C extends Call>(version: FunctionVersion, call: C): Promise<ReplyTo<C>>;
}

/** Finds the current version of a function. Implemented by `catalog/`'s cache. */
export interface FunctionDirectory {
  /** From memory; at most a notification behind the database. */
  find(namespace: string, name: string): FunctionVersion | undefined;
  /** Asks the database when memory does not know the name. */
  resolve(namespace: string, name: string): Promise<FunctionVersion | undefined>;
  /** Returns once every change committed before the call is in memory. */
  sync(): Promise<void>;
}
