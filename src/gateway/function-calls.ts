/**
 * `ANY /functions/v1/{name}[/rest]`: a request handed to a function, and its answer to the client.
 *
 * The function sees the URL the client used, prefix and name included, so that what it builds from it
 * leads back to itself. OPTIONS is a method like any other: it reaches the function, and it needs a
 * key where the function needs one.
 *
 * This is the path of the 30,000 requests a second; http-gateway.ts says what it costs.
 */
import type { BlockList } from "node:net";
import { type OrlaError, toOrlaError } from "../base/errors.ts";
import type { Link } from "../base/linked-list.ts";
import { uuidV7 } from "../base/uuid.ts";
import type { Logger } from "../base/log.ts";
import type { Caller, HttpReply, Invoker } from "../functions/call.ts";
import type { FunctionVersion } from "../functions/function.ts";
import { errorResponse } from "./error-response.ts";
import { authorizeCall, type FunctionLookup } from "./function-lookup.ts";
import { functionNamesOf } from "./function-path.ts";
import { ClientPresence, InboundCall } from "./http-call.ts";
import { discard, toResponse } from "./http-reply.ts";
import type { InboundHeaders } from "./inbound-headers.ts";
import type { InFlight } from "./in-flight.ts";
import type { GatewayLimits } from "./limits.ts";
import type { Overdue, Watch } from "./overdue.ts";
import {
  type BodyRead,
  hasBody,
  readBody,
  type RequestBody,
  StreamedBody,
} from "./request-body.ts";
import type { RequestTarget } from "./request-target.ts";
import { serverTiming } from "./server-timing.ts";
import {
  admitTriggered,
  type TriggeredCall,
  type TriggerMatch,
  type TriggerRoutes,
} from "./trigger-calls.ts";
import type { WebSockets } from "./web-sockets.ts";

export interface FunctionCallDeps {
  readonly lookup: FunctionLookup;
  readonly invoker: Invoker;
  readonly limits: GatewayLimits;
  readonly inFlight: InFlight;
  readonly clients: Overdue<ClientPresence>;
  readonly idle: Overdue<BodyRead>;
  readonly webSockets: WebSockets;
  readonly triggers: TriggerRoutes;
  /** Whose word on the client's address counts. */
  readonly trustedProxies: BlockList | null;
  readonly log: Logger;
}

export interface InboundRequest {
  readonly request: Request;
  readonly info: Deno.ServeHandlerInfo;
  readonly headers: InboundHeaders;
  readonly target: RequestTarget;
  readonly arrivedAt: number;
}

/**
 * Never rejects. `fail` answers what goes wrong before the function is invoked. `match` is the trigger
 * that the request means, when it is not named by its path.
 */
export async function callFunction(
  inbound: InboundRequest,
  deps: FunctionCallDeps,
  fail: (thrown: unknown) => Response,
  match?: TriggerMatch,
): Promise<Response> {
  const { request, headers, target, arrivedAt } = inbound;
  const client = new ClientPresence(request);
  let started: StartedCall | undefined;
  let place: Link<ClientPresence> | undefined;
  let watch: Watch<ClientPresence> | undefined;
  /** Whether somebody else will say when the request is over. */
  let lasting = false;
  let pending: IncomingBody | undefined;
  try {
    let version: FunctionVersion;
    let caller: Caller;
    let triggered: TriggeredCall | undefined;
    if (match === undefined) {
      const names = functionNamesOf(target.path);
      const known = deps.lookup.find(names) ?? await deps.lookup.resolve(names);
      ({ version, caller } = authorizeCall(known, headers, names));
    } else {
      // Before a signed body is read: it takes memory, and a stop must wait for it.
      place = deps.inFlight.enter(client);
      triggered = await admitTriggered(match, inbound, deps);
      ({ version, caller } = triggered);
    }
    const entered = place ??= deps.inFlight.enter(client);
    const executionId = uuidV7();
    const requestId = headers.requestId ?? executionId;
    started = { executionId, requestId, caller, invokedAt: arrivedAt };
    const method = request.method;
    headers.forFunction.push("x-request-id", requestId);

    if (hasBody(method, headers) && triggered?.body === undefined) {
      pending = new IncomingBody(request, headers, client, deps);
    }
    const body = pending === undefined ? triggered?.body ?? null : await pending.body;
    const call = new InboundCall(
      executionId,
      caller,
      arrivedAt,
      method,
      target.url,
      headers.forFunction,
      body instanceof StreamedBody ? body.stream : body,
      client,
      match?.cause,
      match?.params,
      triggered?.user ?? undefined,
    );
    match?.record?.(call);
    if (pending !== undefined) started.invokedAt = performance.now();
    watch = deps.clients.add(client, started.invokedAt);
    const invocation = deps.invoker.invoke(version, call);
    const reply = pending !== undefined && body instanceof StreamedBody
      ? await pending.unlessFailed(answerAfter(body, headers, invocation))
      : await invocation;
    deps.clients.remove(watch);

    if (reply.webSocket !== null) {
      const { response, ended } = deps.webSockets.accept(request, reply.webSocket, version);
      lasting = true;
      ended.then(() => deps.inFlight.leave(entered));
      return response;
    }
    const totalMs = performance.now() - arrivedAt;
    const response = toResponse(reply, { method, executionId, requestId, totalMs });
    if (reply.body instanceof ReadableStream) {
      lasting = true;
      const leave = () => deps.inFlight.leave(entered);
      inbound.info.completed.then(leave, leave);
    }
    return response;
  } catch (thrown) {
    if (started === undefined) return fail(thrown);
    if (watch !== undefined) deps.clients.remove(watch);
    return callFailed(pending?.failure ?? thrown, started, client, inbound, deps.log);
  } finally {
    if (place !== undefined && !lasting) deps.inFlight.leave(place);
  }
}

/**
 * Deno 2.9.5 reads no more of an HTTP/1.1 request's body once its response has begun to stream
 * (denoland/deno#36624): what is left is read before. With HTTP/2 both ways are open at once.
 */
async function answerAfter(
  body: StreamedBody,
  { chunked, contentLength }: InboundHeaders,
  invocation: Promise<HttpReply>,
): Promise<HttpReply> {
  const reply = await invocation;
  const maybeHttp1 = chunked || contentLength !== undefined;
  if (maybeHttp1 && reply.body instanceof ReadableStream) await body.readAhead();
  return reply;
}

interface StartedCall {
  readonly executionId: string;
  readonly requestId: string;
  readonly caller: Caller;
  invokedAt: number;
}

function callFailed(
  thrown: unknown,
  started: StartedCall,
  client: ClientPresence,
  { arrivedAt }: InboundRequest,
  log: Logger,
): Response {
  const { executionId, requestId, caller, invokedAt } = started;
  const error = toOrlaError(thrown);
  client.cancel(error);
  if (error.code === "internal") log.error("Call failed", { requestId, executionId, error });
  const now = performance.now();
  return errorResponse(error, { service: caller.service, requestId }, [
    "x-orla-execution-id",
    executionId,
    "server-timing",
    serverTiming(now - arrivedAt, { execMs: now - invokedAt, coldMs: null }),
  ]);
}

/** A body on its way in, which may fail while the function works on it. */
class IncomingBody {
  readonly body: RequestBody | Promise<Uint8Array>;
  /** Set when a streamed body broke off or grew too large. */
  failure: OrlaError | undefined;
  #onFailure: (error: OrlaError) => void = () => {};

  constructor(
    request: Request,
    headers: InboundHeaders,
    client: ClientPresence,
    { limits, idle }: FunctionCallDeps,
  ) {
    const onFailure = (error: OrlaError) => {
      this.failure = error;
      client.cancel(error);
      this.#onFailure(error);
    };
    this.body = readBody(request, headers, { limits, idle, onFailure });
  }

  /**
   * The reply, unless the body fails first: then the function has been cancelled, and the client hears
   * of its own mistake instead of what the function made of it.
   */
  unlessFailed(invocation: Promise<HttpReply>): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      this.#onFailure = reject;
      invocation.then(
        (reply) => this.failure === undefined ? resolve(reply) : discard(reply),
        reject,
      );
      if (this.failure !== undefined) reject(this.failure);
    });
  }
}
