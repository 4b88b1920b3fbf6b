/**
 * What a REST route is: where it is, who may use it, what it does, and how OpenAPI describes it. One
 * source for all of these, so that the description cannot drift from what is served.
 */
import type { Caller } from "../functions/call.ts";
import type { Cancellation } from "../functions/cancellation.ts";
import type { InboundHeaders } from "./inbound-headers.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS";

/**
 * `open`: anyone, also while the node is full. `service`: holders of the service key. `function`:
 * whoever the addressed function admits; the route's handler decides. `signed`: whoever signs requests as
 * clients of S3 do; the route's handler decides.
 */
export type Access = "open" | "service" | "function" | "signed";

export interface RouteDescription {
  readonly method: Method;
  /**
   * `/api/v1/functions/{name}/invoke`; a parameter is one whole segment, a last `{+rest}` one or more, a
   * last `{*all}` whatever there is, even nothing and what is no text.
   */
  readonly path: string;
  readonly access: Access;
  readonly operation: Operation;
}

export interface Route extends RouteDescription {
  /** May throw `OrlaError`. */
  readonly handle: (exchange: Exchange) => Response | Promise<Response>;
}

/** One request on its way through a route. */
export interface Exchange {
  readonly request: Request;
  /** Absolute and checked, unlike `request.url`. */
  readonly url: string;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: InboundHeaders;
  /** `undefined` without a key. */
  readonly caller: Caller | undefined;
  readonly requestId: string;
  /** `performance.now()` when the request reached the platform. */
  readonly arrivedAt: number;
  /** Cancelled when the client goes away. */
  readonly cancellation: Cancellation;
  /** The whole body within the gateway's limits. */
  readonly readBody: () => Promise<Uint8Array>;
  /** The body as it comes, within a limit of the route's own. Throws `payload_too_large`. */
  readonly streamBody: (maxBytes: number) => ReadableStream<Uint8Array>;
}

/** The parts of an OpenAPI 3.1 Operation Object that the routes use. */
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly requestBody?: unknown;
  /** By status; the errors every route may answer are added by the description's builder. */
  readonly responses: Readonly<Record<string, unknown>>;
}
