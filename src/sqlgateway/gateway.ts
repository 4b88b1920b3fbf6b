/**
 * The SQL gateway: a proxy in front of Postgres that understands edge statements.
 *
 * It only translates. Authentication, rights, transactions and results are Postgres' own, on a
 * connection that belongs to the client alone; nothing is pooled or shared.
 *
 * A connection is greeted (encryption, cancel requests), then it is a session of two pumps until
 * either side closes. What speaks too long, too much or too early is told so and closed.
 */
import { type ErrorReport, errorResponse } from "../pgwire/backend.ts";
import { ProtocolViolation } from "../pgwire/violation.ts";
import { acceptEach } from "./accept-each.ts";
import { type Channel, closeQuietly, isClosedError, writeAll } from "./channel.ts";
import { greet, type Greeting } from "./handshake.ts";
import type { StatementTranslator } from "./request-stream.ts";
import { Session } from "./session.ts";
import { fatal } from "./session-state.ts";
import { type TlsCertificate, TlsTerminator } from "./tls.ts";

export interface SqlGatewayLimits {
  /** Sessions at the same time. */
  readonly maxConnections: number;
  /** From accepting a connection to AuthenticationOk. Postgres' own default is a minute. */
  readonly authenticationTimeoutMs: number;
  /** Query texts up to this size may hold edge statements; larger ones pass unread. */
  readonly maxStatementBytes: number;
  /** How long busy sessions may go on when the gateway stops. */
  readonly drainTimeoutMs: number;
}

export const defaultSqlGatewayLimits: SqlGatewayLimits = {
  maxConnections: 1_000,
  authenticationTimeoutMs: 60_000,
  maxStatementBytes: 32 * 1024 * 1024,
  drainTimeoutMs: 10_000,
};

export interface SqlGatewayOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** A new connection to Postgres. */
  readonly upstream: () => Promise<Channel>;
  readonly tls?: TlsCertificate;
  readonly translator: StatementTranslator;
  /** Awaited, not for long, before a client learns that its transaction with edge DDL has ended. */
  readonly afterEdgeChange: () => Promise<void>;
  readonly limits?: Partial<SqlGatewayLimits>;
  /** Told of what should not happen; one session fails, the gateway goes on. */
  readonly onError: (thrown: unknown) => void;
  readonly signal?: AbortSignal;
}

export interface SqlGateway extends AsyncDisposable {
  readonly port: number;
  /** Sessions now open. */
  readonly connections: number;
}

/** Connections beyond the maximum are answered with an error, up to this many at a time. */
const MAX_REFUSALS = 100;

/** It takes milliseconds; a client need not wait for a node that has lost its database. */
const CHANGE_TIMEOUT_MS = 5_000;

const GOODBYE = fatal("57P01", "terminating connection: the SQL gateway is stopping");

export function startSqlGateway(options: SqlGatewayOptions): Promise<SqlGateway> {
  options.signal?.throwIfAborted();
  const gateway = new Gateway(options);
  const stop = () => void gateway[Symbol.asyncDispose]();
  options.signal?.addEventListener("abort", stop, { once: true });
  return Promise.resolve(gateway);
}

class Gateway implements SqlGateway {
  readonly #options: SqlGatewayOptions;
  readonly #limits: SqlGatewayLimits;
  readonly #listener: Deno.TcpListener;
  readonly #tls: TlsTerminator | null;
  readonly #accepting: Promise<void>;
  /** Every accepted connection, until it is closed. */
  readonly #connections = new Map<Deno.TcpConn, Promise<void>>();
  /** Those that are not sessions yet. */
  readonly #greeting = new Set<Channel>();
  readonly #sessions = new Set<Session>();
  #stopping: Promise<void> | undefined;

  constructor(options: SqlGatewayOptions) {
    this.#options = options;
    this.#limits = { ...defaultSqlGatewayLimits, ...options.limits };
    this.#listener = Deno.listen({ hostname: options.host, port: options.port });
    this.#tls = options.tls === undefined ? null : new TlsTerminator(options.tls, options.onError);
    this.#accepting = acceptEach(this.#listener, (each) => this.#take(each), options.onError);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  #take(connection: Deno.TcpConn): void {
    const served = this.#serve(connection).catch(this.#options.onError);
    this.#connections.set(connection, served);
    served.finally(() => this.#connections.delete(connection));
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    const { maxConnections, authenticationTimeoutMs } = this.#limits;
    if (this.#connections.size >= maxConnections + MAX_REFUSALS) return connection.close();
    let session: Session | undefined;
    const timer = setTimeout(() => {
      if (session === undefined) closeQuietly(connection);
      else if (!session.authenticated) {
        session.terminate(fatal("57014", "canceling authentication due to timeout"));
      }
    }, authenticationTimeoutMs);
    try {
      connection.setNoDelay(true);
      // As Postgres does: finds out about clients that vanished without a word.
      connection.setKeepAlive(true);
      this.#greeting.add(connection);
      const greeting = await this.#greet(connection);
      this.#greeting.delete(connection);
      if (greeting === null) return;
      if (greeting.packet.kind === "cancel") return await this.#cancel(greeting);
      session = await this.#open(greeting);
      if (session === undefined) return;
      this.#sessions.add(session);
      // A stop that came while the server was being connected has not seen this session.
      if (this.#stopping !== undefined) session.drain(GOODBYE);
      await session.run(greeting.rest);
    } catch (thrown) {
      if (!isClosedError(thrown)) throw thrown;
    } finally {
      clearTimeout(timer);
      this.#greeting.delete(connection);
      if (session !== undefined) this.#sessions.delete(session);
      closeQuietly(connection);
    }
  }

  async #greet(connection: Channel): Promise<Greeting | null> {
    const tls = this.#tls;
    try {
      return await greet(
        connection,
        tls === null ? null : (channel, received) => tls.upgrade(channel, received),
      );
    } catch (thrown) {
      if (!(thrown instanceof ProtocolViolation)) throw thrown;
      await refuse(connection, fatal("08P01", thrown.message));
      return null;
    }
  }

  async #open({ bytes, channel }: Greeting): Promise<Session | undefined> {
    if (this.#sessions.size >= this.#limits.maxConnections) {
      await refuse(channel, fatal("53300", "sorry, too many clients already"));
      return undefined;
    }
    let server: Channel | undefined;
    try {
      server = await this.#options.upstream();
      await writeAll(server, bytes);
    } catch (thrown) {
      this.#options.onError(thrown);
      if (server !== undefined) closeQuietly(server);
      await refuse(
        channel,
        fatal("57P03", "the database server cannot be reached", "It may be starting; try again."),
      );
      return undefined;
    }
    return new Session({
      client: channel,
      server,
      translator: this.#options.translator,
      afterEdgeChange: () => this.#afterEdgeChange(),
      maxStatementBytes: this.#limits.maxStatementBytes,
      onError: this.#options.onError,
    });
  }

  /** The change is committed whatever happens here: the client may wait, but not fail, for us. */
  async #afterEdgeChange(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => timer = setTimeout(resolve, CHANGE_TIMEOUT_MS));
    try {
      await Promise.race([this.#options.afterEdgeChange(), enough]);
    } catch (thrown) {
      this.#options.onError(thrown);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Postgres checks the key; it closes the connection as its only answer. */
  async #cancel({ bytes, channel }: Greeting): Promise<void> {
    const server = await this.#options.upstream();
    try {
      await writeAll(server, bytes);
      await server.read(new Uint8Array(1));
    } catch (thrown) {
      if (!isClosedError(thrown)) throw thrown;
    } finally {
      closeQuietly(server);
      closeQuietly(channel);
    }
  }

  async #stop(): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const channel of this.#greeting) closeQuietly(channel);
    for (const session of this.#sessions) session.drain(GOODBYE);
    const deadline = setTimeout(() => {
      for (const session of this.#sessions) session.terminate(GOODBYE);
    }, this.#limits.drainTimeoutMs);
    await Promise.all(this.#connections.values());
    clearTimeout(deadline);
    await this.#tls?.[Symbol.asyncDispose]();
  }
}

/** Says why, and closes. The client may have gone already. */
async function refuse(channel: Channel, reason: ErrorReport): Promise<void> {
  try {
    await writeAll(channel, errorResponse(reason));
  } catch (thrown) {
    if (!isClosedError(thrown)) throw thrown;
  } finally {
    closeQuietly(channel);
  }
}
