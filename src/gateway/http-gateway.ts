/**
 * The HTTP front: takes requests, hands them to functions or to the REST API, and stops without
 * losing one.
 *
 * Vocabulary: *target* the URL a request asks for · *in flight* from a request's arrival to the last
 * byte of its response · *drain* accept nothing new and finish what is in flight.
 *
 * Built on `Deno.serve`: HTTP/1.1, and HTTP/2 as well with TLS. What it does not offer, and what
 * therefore needs a proxy in front where clients are hostile: a time-out for a request head that
 * never ends and for idle connections (both open after 150 s), and a cap on connections. A client
 * that closes its sending side after the request (`nc -N`) counts as gone, and a connection that
 * brought a body in several pieces is closed after its answer. Over HTTP/1.1 a streamed answer begins
 * when the request has ended; over HTTP/2 both go on at once.
 *
 * Measured with wrk (32 connections, 2 shared cores, Deno 2.9.5), CPU time of this process for each
 * request: bare "hello world" 6.2 µs, the same with four response headers 8.7, and with method, URL
 * and headers read in an async handler 9.9. This gateway, with a key, five response headers and a
 * function that answers at once: 12.5. Setting a response header costs 0.4 µs, most of it Deno's
 * check of its characters. 10,000 calls waiting at once take 57 KB each, 34 of them Deno's own.
 */
import type { BlockList } from "node:net";
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { FunctionDirectory, Invoker } from "../functions/call.ts";
import { watchClients } from "./client-watch.ts";
import { respond } from "./front.ts";
import { FunctionLookup } from "./function-lookup.ts";
import { InFlight } from "./in-flight.ts";
import type { KeyVerifier } from "./keys.ts";
import { defaultLimits, type GatewayLimits } from "./limits.ts";
import { Overdue } from "./overdue.ts";
import type { BodyRead } from "./request-body.ts";
import type { RouteTable } from "./route-table.ts";
import type { TriggerRoutes } from "./trigger-calls.ts";
import { WebSockets } from "./web-sockets.ts";

export interface HttpGatewayOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly directory: FunctionDirectory;
  readonly invoker: Invoker;
  readonly keys: KeyVerifier;
  /** Everything that is not a function: REST API, health, metrics. */
  readonly api: RouteTable;
  /** Paths that triggers give to functions. */
  readonly triggers?: TriggerRoutes;
  /** Proxies whose `X-Forwarded-For` counts. */
  readonly trustedProxies?: BlockList | null;
  readonly limits?: Partial<GatewayLimits>;
  readonly log: Logger;
  /** Aborting it drains and stops, like disposing. */
  readonly signal?: AbortSignal;
}

export interface HttpGateway extends AsyncDisposable {
  /** Base URL without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** Requests being worked on. */
  readonly inFlight: number;
}

/**
 * After the last answer, time for slow readers to take it. A client that got its answer before it had
 * sent its whole body, and then neither sends nor hangs up, would hold a stop for ever: Deno offers no
 * way to cut connections once a graceful shutdown has begun. They end with the process.
 */
const LINGER_MS = 2_000;

const noTriggers: TriggerRoutes = { match: () => undefined };

/** Throws `unavailable` when the address cannot be listened on. */
export function startHttpGateway(options: HttpGatewayOptions): HttpGateway {
  const limits: GatewayLimits = { ...defaultLimits, ...options.limits };
  const inFlight = new InFlight(limits.maxInFlight);
  const clients = watchClients();
  const idle = new Overdue<BodyRead>(limits.bodyIdleTimeoutMs, (read) => read.giveUp());
  const webSockets = new WebSockets(options.log);
  const deps = {
    lookup: new FunctionLookup(options.directory),
    invoker: options.invoker,
    keys: options.keys,
    api: options.api,
    log: options.log,
    limits,
    inFlight,
    clients,
    idle,
    webSockets,
    triggers: options.triggers ?? noTriggers,
    trustedProxies: options.trustedProxies ?? null,
  };

  const server = listen(options, (request, info) => respond(request, info, deps));
  const port = server.addr.port;
  let stopped: Promise<void> | undefined;
  const stop = () => stopped ??= drain();

  async function drain(): Promise<void> {
    options.signal?.removeEventListener("abort", stop);
    const finished = server.shutdown();
    const calls = Promise.all([webSockets.closeAll(), inFlight.none()]);
    if (!await within(limits.drainTimeoutMs, calls)) {
      options.log.warn("Requests in flight are cut", { count: inFlight.count });
      inFlight.abortAll(new OrlaError("unavailable", "This node is stopping."));
    }
    if (!await within(LINGER_MS, finished)) {
      options.log.warn("Connections are left open whose clients never finished their request");
    }
    clients[Symbol.dispose]();
    idle[Symbol.dispose]();
  }

  options.signal?.addEventListener("abort", stop, { once: true });
  if (options.signal?.aborted) stop();
  return {
    url: `${options.tls === undefined ? "http" : "https"}://${hostInUrl(options.host)}:${port}`,
    port,
    get inFlight() {
      return inFlight.count;
    },
    [Symbol.asyncDispose]: stop,
  };
}

function listen(
  { host, port, tls, log }: HttpGatewayOptions,
  handler: Deno.ServeHandler<Deno.NetAddr>,
): Deno.HttpServer<Deno.NetAddr> {
  const address = { hostname: host, port, onListen: () => {}, onError: broken(log) };
  try {
    return Deno.serve(tls === undefined ? address : { ...address, ...tls }, handler);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OrlaError("unavailable", `Cannot listen on ${host}:${port}: ${reason}`, {
      cause,
      hint: "Another program may use the port; port 0 picks a free one.",
    });
  }
}

/** Reached when a function's body breaks off after the head was sent: the client sees the cut. */
function broken(log: Logger): (error: unknown) => Response {
  return (error) => {
    log.debug("A response was cut", { error });
    return new Response(null, { status: 500 });
  };
}

/** Whether the work was done in time. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), ms));
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** `0.0.0.0` and `::` mean every address; one that clients can use is the loopback. */
function hostInUrl(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
