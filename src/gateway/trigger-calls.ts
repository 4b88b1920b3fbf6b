/** Requests that mean a function because a trigger on their path says so. */
import { OrlaError } from "../base/errors.ts";
import type { Caller, Cause, HttpCall, User } from "../functions/call.ts";
import type { FunctionVersion } from "../functions/function.ts";
import { requireEnabled } from "../functions/switched-off.ts";
import { clientAddress } from "./client-address.ts";
import type { FunctionCallDeps, InboundRequest } from "./function-calls.ts";
import { hasBody, readBodyBytes } from "./request-body.ts";

/** Implemented by `triggers/`. */
export interface TriggerRoutes {
  /** `undefined` when no trigger has this path. */
  match(
    method: string,
    host: string,
    path: string,
  ): TriggerMatch | { readonly allow: readonly string[] } | undefined;
}

export interface TriggerMatch {
  readonly cause: Cause;
  readonly params: Readonly<Record<string, string>>;
  /** Whether `admit` wants the whole body. */
  readonly needsBody: boolean;
  /** The function as it is now; `undefined` when there is none any more. */
  version(): FunctionVersion | undefined;
  /** Throws `unauthorized` and `forbidden`. */
  admit(request: {
    readonly headers: Headers;
    readonly body: Uint8Array | null;
    readonly address: string;
    readonly caller: Caller | undefined;
  }): Admission | Promise<Admission>;
  /** Keeps the call for replay; `null` when that is not wanted. */
  readonly record: ((call: HttpCall) => void) | null;
}

interface Admission {
  readonly caller: Caller;
  readonly user: User | null;
}

export interface TriggeredCall extends Admission {
  readonly version: FunctionVersion;
  /** Set when it has been read already. */
  readonly body?: Uint8Array;
}

export async function admitTriggered(
  match: TriggerMatch,
  { request, headers, info }: InboundRequest,
  deps: FunctionCallDeps,
): Promise<TriggeredCall> {
  const body = match.needsBody && hasBody(request.method, headers)
    ? await readBodyBytes(request, headers, deps)
    : undefined;
  const { remoteAddr } = info;
  const remote = remoteAddr.transport === "tcp" ? remoteAddr.hostname : "127.0.0.1";
  const admission = await match.admit({
    headers: request.headers,
    body: body ?? null,
    address: clientAddress(remote, request.headers.get("x-forwarded-for"), deps.trustedProxies),
    caller: headers.caller,
  });
  const version = match.version();
  if (version === undefined) {
    throw new OrlaError("function_not_found", "The trigger's function does not exist.");
  }
  requireEnabled(version);
  return { ...admission, version, ...(body === undefined ? {} : { body }) };
}
