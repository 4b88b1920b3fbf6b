/**
 * `ANY /functions/v1/{name}[/rest]`: a request handed to a function, and its answer to the client.
 * This is the path of the 30,000 requests a second; see `bench` numbers in http-gateway.ts.
 */
import { type OrlaError, toOrlaError } from "../base/errors.ts";
import { uuidV7 } from "../base/uuid.ts";
import type { Logger } from "../base/log.ts";
import type { Caller, HttpReply, Invoker } from "../functions/call.ts";
import { errorResponse } from "./error-response.ts";
import { authorizeCall, type FunctionLookup } from "./function-lookup.ts";
import { functionNamesOf } from "./function-path.ts";
import { InboundCall, LazyAbort } from "./http-call.ts";
import { discard, toResponse } from "./http-reply.ts";
import type { InboundHeaders } from "./inbound-headers.ts";
import type { InFlight } from "./in-flight.ts";
import type { GatewayLimits } from "./limits.ts";
import type { Overdue } from "./overdue.ts";
import { type BodyRead, hasBody, readBody, type RequestBody } from "./request-body.ts";
import type { RequestTarget } from "./request-target.ts";
import { serverTiming } from "./server-timing.ts";
import type { WebSockets } from "./web-sockets.ts";

export interface FunctionCallDeps {
  readonly lookup: FunctionLookup;
  readonly invoker: Invoker;
  readonly limits: GatewayLimits;
  readonly inFlight: InFlight;
  readonly clients: Overdue<LazyAbort>;
  readonly idle: Overdue<BodyRead>;
  readonly webSockets: WebSockets;
  readonly log: Logger;
}

export interface InboundRequest {
  readonly request: Request;
  readonly info: Deno.ServeHandlerInfo;
  readonly headers: InboundHeaders;
  readonly target: RequestTarget;
  readonly arrivedAt: number;
}

/** Never rejects. `fail` answers what goes wrong before the function is invoked. */
export async function callFunction(
  inbound: InboundRequest,
  deps: FunctionCallDeps,
  fail: (thrown: unknown) => Response,
): Promise<Response> {
  const { request, headers, target, arrivedAt } = inbound;
  const abort = new LazyAbort(request);
  let started: StartedCall | undefined;
  /** Whether somebody else will say when the request is over. */
  let lasting = false;
  try {
    const names = functionNamesOf(target.path);
    const known = deps.lookup.find(names) ?? await deps.lookup.resolve(names);
    const { version, caller } = authorizeCall(known, headers, names);
    deps.inFlight.enter(abort);
    const executionId = uuidV7();
    const requestId = headers.requestId ?? executionId;
    started = { executionId, requestId, caller, invokedAt: arrivedAt };
    const method = request.method;
    headers.forFunction.push(["x-request-id", requestId]);

    const pending = hasBody(method, headers) ? incoming(request, headers, abort, deps) : null;
    const body = pending === null ? null : await pending.body;
    const call = new InboundCall(
      executionId,
      caller,
      arrivedAt,
      method,
      target.url,
      headers.forFunction,
      body,
      abort,
    );
    if (pending !== null) started.invokedAt = performance.now();
    deps.clients.add(abort, started.invokedAt);
    const invocation = deps.invoker.invoke(version, call);
    const reply = pending !== null && body instanceof ReadableStream
      ? await unlessFailed(invocation, pending.failed)
      : await invocation;
    deps.clients.delete(abort);

    if (reply.webSocket !== null) {
      const { response, ended } = deps.webSockets.accept(request, reply.webSocket, version);
      lasting = true;
      ended.then(() => deps.inFlight.leave(abort));
      return response;
    }
    const totalMs = performance.now() - arrivedAt;
    const response = toResponse(reply, { method, executionId, requestId, totalMs });
    if (reply.body instanceof ReadableStream) {
      lasting = true;
      const leave = () => deps.inFlight.leave(abort);
      inbound.info.completed.then(leave, leave);
    }
    return response;
  } catch (thrown) {
    if (started === undefined) return fail(thrown);
    deps.clients.delete(abort);
    return callFailed(thrown, started, abort, inbound, deps.log);
  } finally {
    if (started !== undefined && !lasting) deps.inFlight.leave(abort);
  }
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
  abort: LazyAbort,
  { arrivedAt }: InboundRequest,
  log: Logger,
): Response {
  const { executionId, requestId, caller, invokedAt } = started;
  const error = toOrlaError(thrown);
  abort.abort(error);
  if (error.code === "internal") log.error("Call failed", { requestId, executionId, error });
  const now = performance.now();
  return errorResponse(error, { service: caller.service, requestId }, [
    ["x-orla-execution-id", executionId],
    ["server-timing", serverTiming(now - arrivedAt, { execMs: now - invokedAt, coldMs: null })],
  ]);
}

interface IncomingBody {
  readonly body: RequestBody | Promise<Uint8Array>;
  /** Rejects when a streamed body breaks off or grows too large. */
  readonly failed: Promise<never>;
}

function incoming(
  request: Request,
  headers: InboundHeaders,
  abort: LazyAbort,
  { limits, idle }: FunctionCallDeps,
): IncomingBody {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  // After the reply's head nobody waits for it any more.
  failed.catch(() => {});
  const onFailure = (error: OrlaError) => {
    abort.abort(error);
    reject(error);
  };
  return { body: readBody(request, headers, { limits, idle, onFailure }), failed };
}

/**
 * The reply, unless the request's body fails first: then the function has been cancelled, and the
 * client hears of its own mistake instead of what the function made of it.
 */
function unlessFailed(invocation: Promise<HttpReply>, failed: Promise<never>): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let over = false;
    failed.catch((error) => {
      over = true;
      reject(error);
    });
    invocation.then((reply) => over ? discard(reply) : resolve(reply), reject);
  });
}
