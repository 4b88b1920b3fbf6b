/**
 * `ANY /functions/v1/{name}[/rest]`: a request handed to a function, and its answer to the client.
 * This is the path of the 30,000 requests a second; see `bench` numbers in http-gateway.ts.
 */
import { OrlaError, toOrlaError } from "../base/errors.ts";
import { uuidV7 } from "../base/uuid.ts";
import type { HttpReply, Invoker } from "../functions/call.ts";
import { errorResponse } from "./error-response.ts";
import { authorizeCall, type FunctionLookup } from "./function-lookup.ts";
import { functionNamesOf } from "./function-path.ts";
import { InboundCall, LazyAbort } from "./http-call.ts";
import { discard, toResponse } from "./http-reply.ts";
import type { InboundHeaders } from "./inbound-headers.ts";
import type { InFlight } from "./in-flight.ts";
import type { GatewayLimits } from "./limits.ts";
import type { Overdue } from "./overdue.ts";
import { type BodyRead, readBody, type RequestBody } from "./request-body.ts";
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
}

export interface InboundRequest {
  readonly request: Request;
  readonly info: Deno.ServeHandlerInfo;
  readonly headers: InboundHeaders;
  readonly target: RequestTarget;
  readonly arrivedAt: number;
}

/** Throws only before the function is invoked; from then on errors are answered with the call's ids. */
export async function callFunction(
  inbound: InboundRequest,
  deps: FunctionCallDeps,
): Promise<Response> {
  const { request, headers, target, arrivedAt } = inbound;
  const names = functionNamesOf(target.path);
  const known = deps.lookup.find(names) ?? await deps.lookup.resolve(names);
  const { version, caller } = authorizeCall(known, headers, names);

  const executionId = uuidV7();
  const requestId = headers.requestId ?? executionId;
  const method = request.method;
  headers.forFunction.push(["x-request-id", requestId]);

  deps.inFlight.enter();
  const abort = new LazyAbort(request);
  let invokedAt = arrivedAt;
  /** Whether somebody else will say when the request is over. */
  let lasting = false;
  try {
    let onFailure: (error: OrlaError) => void = () => {};
    const pendingBody = readBody(request, headers, {
      limits: deps.limits,
      idle: deps.idle,
      onFailure: (error) => onFailure(error),
    });
    const body: RequestBody = pendingBody instanceof Promise ? await pendingBody : pendingBody;
    const call = new InboundCall(
      {
        executionId,
        caller,
        arrivedAt,
        method,
        url: target.url,
        headers: headers.forFunction,
        body,
      },
      abort,
    );
    invokedAt = performance.now();
    deps.clients.add(abort, invokedAt);
    const invocation = deps.invoker.invoke(version, call);
    const reply = body instanceof ReadableStream
      ? await untilBodyFails(invocation, abort, (listener) => onFailure = listener)
      : await invocation;
    deps.clients.delete(abort);
    if (reply.webSocket !== null) {
      const { response, ended } = deps.webSockets.accept(request, reply.webSocket, version);
      lasting = true;
      ended.then(() => deps.inFlight.leave());
      return response;
    }
    const totalMs = performance.now() - arrivedAt;
    const response = toResponse(reply, { method, executionId, requestId, totalMs });
    if (reply.body instanceof ReadableStream) {
      lasting = true;
      const leave = () => deps.inFlight.leave();
      inbound.info.completed.then(leave, leave);
    }
    return response;
  } catch (thrown) {
    deps.clients.delete(abort);
    const error = toOrlaError(thrown);
    abort.abort(error);
    const now = performance.now();
    return errorResponse(error, { service: caller.service, requestId }, [
      ["x-orla-execution-id", executionId],
      ["server-timing", serverTiming(now - arrivedAt, { execMs: now - invokedAt, coldMs: null })],
    ]);
  } finally {
    if (!lasting) deps.inFlight.leave();
  }
}

/**
 * The reply, unless the request's body breaks off or grows too large first: then the function is
 * cancelled, and the client hears of its own mistake instead of what the function made of it.
 */
function untilBodyFails(
  invocation: Promise<HttpReply>,
  abort: LazyAbort,
  listen: (listener: (error: OrlaError) => void) => void,
): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let failed = false;
    listen((error) => {
      failed = true;
      abort.abort(error);
      reject(error);
    });
    invocation.then((reply) => failed ? discard(reply) : resolve(reply), reject);
  });
}
