/**
 * What happens to every request: limits, then either a function or a route of the REST API, and the
 * answer to whatever goes wrong on the way.
 */
import { OrlaError, toOrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { uuidV7 } from "../base/uuid.ts";
import { errorResponse } from "./error-response.ts";
import { callFunction, type FunctionCallDeps, type InboundRequest } from "./function-calls.ts";
import { keyNeeded } from "./function-lookup.ts";
import { FUNCTIONS_PREFIX } from "./function-path.ts";
import { ClientPresence } from "./http-call.ts";
import { type InboundHeaders, readHeaders } from "./inbound-headers.ts";
import type { KeyVerifier } from "./keys.ts";
import { readBodyBytes, streamBody } from "./request-body.ts";
import { authorityOf, readTarget } from "./request-target.ts";
import type { Route } from "./route.ts";
import type { RouteTable } from "./route-table.ts";

export interface FrontDeps extends FunctionCallDeps {
  readonly api: RouteTable;
  readonly keys: KeyVerifier;
}

/** Not `async`: one promise less on the way of every request. */
export function respond(
  request: Request,
  info: Deno.ServeHandlerInfo,
  deps: FrontDeps,
): Response | Promise<Response> {
  const arrivedAt = performance.now();
  let headers: InboundHeaders | undefined;
  const fail = (thrown: unknown) => failure(headers, thrown, deps.log);
  try {
    const url = request.url;
    if (url.length > deps.limits.maxUrlLength) throw urlTooLong(deps.limits.maxUrlLength);
    headers = readHeaders(request.headers, deps.keys, deps.limits);
    const target = readTarget(url, headers.host);
    if (target === undefined) {
      throw new OrlaError("invalid_request", "The request's URL or Host header is not valid.");
    }
    if (isRefusedMethod(request.method)) throw methodNotAllowed(request.method, target.path);
    const inbound = { request, info, headers, target, arrivedAt };
    if (target.path.startsWith(FUNCTIONS_PREFIX)) return callFunction(inbound, deps, fail);
    const match = deps.triggers.match(request.method, authorityOf(target), target.path);
    if (match === undefined) return useRoute(inbound, deps).catch(fail);
    if ("allow" in match) return wrongMethod(inbound, match.allow);
    return callFunction(inbound, deps, fail, match);
  } catch (thrown) {
    return fail(thrown);
  }
}

/** `async`, so that whatever it throws is a rejection. */
async function useRoute(inbound: InboundRequest, deps: FrontDeps): Promise<Response> {
  const { request, target } = inbound;
  const match = deps.api.match(request.method, target.path);
  switch (match.found) {
    case "nothing":
      throw new OrlaError("not_found", `Nothing is served at ${target.path}.`, {
        hint: "Functions are at /functions/v1/{name}; /api/v1/openapi.json lists all routes.",
      });
    case "methods":
      return wrongMethod(inbound, match.allow);
    case "route": {
      const { route, params } = match;
      admit(route, inbound.headers);
      return await exchange(inbound, params, route, deps);
    }
  }
}

function wrongMethod(
  { request, headers, target }: InboundRequest,
  allow: readonly string[],
): Response {
  const requestId = headers.requestId ?? uuidV7();
  const audience = { service: headers.caller?.service === true, requestId };
  return errorResponse(methodNotAllowed(request.method, target.path), audience, [
    "allow",
    allow.join(", "),
  ]);
}

async function exchange(
  { request, headers, target, arrivedAt }: InboundRequest,
  params: Readonly<Record<string, string>>,
  route: Route,
  deps: FrontDeps,
): Promise<Response> {
  // Open routes tell whether the node is well: they must answer while it is full.
  const counted = route.access !== "open";
  const client = new ClientPresence(request);
  const place = counted ? deps.inFlight.enter(client) : undefined;
  const watch = deps.clients.add(client, arrivedAt);
  try {
    return await route.handle({
      request,
      url: target.url,
      params,
      headers,
      caller: headers.caller,
      requestId: headers.requestId ?? uuidV7(),
      arrivedAt,
      cancellation: client,
      readBody: () => readBodyBytes(request, headers, deps),
      streamBody: (maxBytes) => streamBody(request, headers, deps, maxBytes),
    });
  } finally {
    deps.clients.remove(watch);
    if (place !== undefined) deps.inFlight.leave(place);
  }
}

function admit(route: Route, headers: InboundHeaders): void {
  if (route.access !== "service" || headers.caller?.service === true) return;
  if (headers.caller === undefined) throw keyNeeded(headers.foreignKey);
  throw new OrlaError("forbidden", "This needs the service key.");
}

/** `Request` cannot express these: CONNECT makes tunnels, TRACE and TRACK echo credentials. */
function isRefusedMethod(method: string): boolean {
  return method === "CONNECT" || method === "TRACE" || method === "TRACK";
}

function methodNotAllowed(method: string, path: string): OrlaError {
  return new OrlaError("method_not_allowed", `${method} is not possible at ${path}.`);
}

function urlTooLong(maxLength: number): OrlaError {
  return new OrlaError("url_too_long", `The URL is longer than ${maxLength} characters.`, {
    hint: "Send large values in the body.",
  });
}

function failure(headers: InboundHeaders | undefined, thrown: unknown, log: Logger): Response {
  const error = toOrlaError(thrown);
  const requestId = headers?.requestId ?? uuidV7();
  if (error.code === "internal") log.error("Request failed", { requestId, error });
  return errorResponse(error, { service: headers?.caller?.service === true, requestId });
}
