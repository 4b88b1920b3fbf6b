/**
 * The one way out of every instance: a proxy on loopback that knows which function is asking, looks
 * up names itself, and connects to the very address it has judged.
 *
 * ## For those who write what runs inside an instance
 *
 * **Address and credentials.** `127.0.0.1` and the port come with the assignment, as
 * `egress: { port, token }`. Each request carries `Proxy-Authorization: Basic base64("orla:" + token)`;
 * `Bearer <token>` is as good. For programs that read the environment the proxy's URL is
 * `http://orla:<token>@127.0.0.1:<port>`, for `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` alike.
 * The token belongs to one process and dies with it.
 *
 * **Any TCP connection, TLS inside it:** `CONNECT host:port HTTP/1.1`, a `Host` line and the
 * credentials, an empty line. `host` is a name, an IPv4 address or `[an IPv6 address]`; names are
 * sent as they are, nothing resolves them before. `HTTP/1.1 200` and an empty line answer it; from
 * then on bytes pass unchanged in both directions, each of which can be closed by itself. The reply
 * has no body and nothing is sent ahead of it, so a client may read it byte by byte.
 *
 * **HTTP requests** may also be given to the proxy as they are, with an absolute URL in the request
 * line: `GET http://host/path HTTP/1.1`. With `https://` the proxy speaks TLS to the host and checks
 * its certificate. `GET /https://host/path`, the URL behind a slash, means the same, for clients
 * that cannot send an absolute one. Connections are kept alive, bodies are streamed both ways,
 * `Upgrade` works. `Host` is taken from the URL; a `traceparent` is added where there is none.
 * Redirects are answers like others.
 *
 * **Answers of the proxy's own**, for both kinds, carry `Orla-Egress: <code>` (taken out of what
 * hosts answer) and a body of JSON, `{"error": {"code", "message"}}`, with a sentence for people:
 *
 * | status | code               | meaning                                                          |
 * | ------ | ------------------ | ---------------------------------------------------------------- |
 * | 400    | `bad_request`      | the request is not as above                                      |
 * | 403    | `not_allowed`      | a rule forbids it: `10.0.0.1 is a private address`               |
 * | 407    | `unauthenticated`  | no token, or one that is not (or no longer) valid                |
 * | 431    | `head_too_large`   | request line and headers                                         |
 * | 502    | `name_not_found`   | the name has no address                                          |
 * | 502    | `connect_failed`   | nobody listens there, or the network is down                     |
 * | 502    | `tls_failed`       | the host's certificate is not valid for its name, or no TLS      |
 * | 502    | `bad_response`     | the host does not speak HTTP, or ended before it had answered    |
 * | 503    | `too_many`         | the instance has too many connections open                       |
 * | 504    | `connect_timeout`  | the host did not accept in time                                  |
 */
import type { EgressClient, EgressGate, EgressPass } from "../functions/egress.ts";
import { qualifiedName } from "../functions/function.ts";
import { ClientConnection } from "./client-connection.ts";
import { Lookups } from "./lookups.ts";
import { type Endpoint, Machine } from "./machine.ts";
import type { Surroundings } from "./policy.ts";
import { type Resolver, systemResolver } from "./resolver.ts";
import { type Secure, secureWith } from "./secure.ts";
import { EgressSession } from "./session.ts";
import { type Traffic, TrafficTable } from "./traffic.ts";

export interface EgressProxyOptions {
  /** Where the platform and its database listen: closed to functions but by a rule with the port. */
  readonly platform: () => readonly Endpoint[];
  readonly resolver?: Resolver;
  /** What is known of the network, by the port that the proxy listens on. */
  readonly surroundings?: (port: number) => Surroundings;
  /** PEM certificates to trust beside the usual ones. */
  readonly caCerts?: readonly string[];
  readonly limits?: Partial<EgressLimits>;
}

export interface EgressLimits {
  readonly connectionsPerInstance: number;
  /** Connections that have not shown a token yet; beyond, the oldest is closed. */
  readonly unknownConnections: number;
  /** For the first request to arrive. */
  readonly firstRequestMs: number;
  /** For a name to be looked up, its wait for a turn included. */
  readonly lookupMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
}

const DEFAULT_LIMITS: EgressLimits = {
  // As many as an instance may have files open.
  connectionsPerInstance: 256,
  unknownConnections: 512,
  firstRequestMs: 10_000,
  // As long as the C library tries two servers.
  lookupMs: 10_000,
  // As long as a call can take: databases' connections are kept between calls.
  idleMs: 15 * 60_000,
};

/** How often connections are looked at for having idled too long; a share of the shortest limit. */
const SWEEPS_PER_LIMIT = 4;

/** 192 bits. */
const TOKEN_BYTES = 24;

export class EgressProxy implements EgressGate, AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #limits: EgressLimits;
  readonly #lookups: Lookups;
  readonly #surroundings: Surroundings;
  readonly #secure: Secure;
  readonly #sessions = new Map<string, EgressSession>();
  /** In the order they came. */
  readonly #unknown = new Set<ClientConnection>();
  readonly #connections = new Map<ClientConnection, Promise<void>>();
  readonly #traffic = new TrafficTable();
  readonly #accepting: Promise<void>;
  readonly #sweeper: ReturnType<typeof setInterval>;

  /** Listens at once, on a free port of loopback. */
  constructor(options: EgressProxyOptions) {
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#lookups = new Lookups(options.resolver ?? systemResolver, this.#limits.lookupMs);
    this.#secure = secureWith(options.caCerts ?? []);
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#surroundings = options.surroundings?.(this.port) ??
      new Machine({ proxyPort: this.port, platform: options.platform });
    this.#accepting = this.#accept();
    const shortestMs = Math.min(this.#limits.firstRequestMs, this.#limits.idleMs);
    this.#sweeper = setInterval(() => this.#sweep(), shortestMs / SWEEPS_PER_LIMIT);
  }

  admit(client: EgressClient): EgressPass {
    const random = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
    const token = random.toBase64({ alphabet: "base64url" });
    const session = new EgressSession({
      port: this.port,
      token,
      client,
      traffic: this.#traffic.of(qualifiedName(client.version)),
      surroundings: this.#surroundings,
      lookups: this.#lookups,
      maxConnections: this.#limits.connectionsPerInstance,
      onEnd: () => this.#sessions.delete(token),
    });
    this.#sessions.set(token, session);
    return session;
  }

  /** What each function has sent and received since the node started. */
  traffic(): Iterable<readonly [functionName: string, traffic: Readonly<Traffic>]> {
    return this.#traffic.all();
  }

  /** The function was dropped or renamed. */
  forget(functionName: string): void {
    this.#traffic.forget(functionName);
  }

  /** Connections there are, and how many of them have not shown a token. */
  get connections(): { readonly all: number; readonly unknown: number } {
    return { all: this.#connections.size, unknown: this.#unknown.size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweeper);
    this.#listener.close();
    await this.#accepting;
    for (const session of [...this.#sessions.values()]) session[Symbol.dispose]();
    for (const connection of this.#connections.keys()) connection.close();
    await Promise.all(this.#connections.values());
  }

  async #accept(): Promise<void> {
    for (;;) {
      try {
        this.#welcome(await this.#listener.accept());
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        // The connection was gone before it was accepted, or there are no descriptors left.
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  #welcome(connection: Deno.TcpConn): void {
    connection.setNoDelay(true);
    if (this.#unknown.size >= this.#limits.unknownConnections) {
      // Honest ones show their token at once, so the oldest is none.
      const [oldest] = this.#unknown;
      oldest?.close();
      if (oldest !== undefined) this.#unknown.delete(oldest);
    }
    const client: ClientConnection = new ClientConnection({
      connection,
      sessionOf: (token) => this.#sessions.get(token),
      secure: this.#secure,
      onKnown: () => this.#unknown.delete(client),
    });
    this.#unknown.add(client);
    const served = client.serve().then(() => {
      this.#unknown.delete(client);
      this.#connections.delete(client);
    });
    this.#connections.set(client, served);
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections.keys()) {
      const { idleMs, firstRequestMs } = this.#limits;
      const limitMs = connection.isKnown ? idleMs : firstRequestMs;
      if (now - connection.lastActive > limitMs) connection.close();
    }
  }
}

/** Lets others close descriptors before the next try. */
const ACCEPT_PAUSE_MS = 50;
