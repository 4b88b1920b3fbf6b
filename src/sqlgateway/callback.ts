/**
 * The callback endpoint: where a function called inside a query reaches its node.
 *
 * `edge.call` connects here with `dblink`, so this is a server of the Postgres protocol that does one
 * thing. A Postgres session keeps its connection for as long as it lives, and has at most one call
 * on its way.
 */
import type { Invoker } from "../functions/call.ts";
import { errorResponse } from "../pgwire/backend.ts";
import { ProtocolViolation } from "../pgwire/violation.ts";
import { CallbackSession, type VersionSource, type Warmer } from "./callback-session.ts";
import { acceptEach } from "./accept-each.ts";
import { type Channel, closeQuietly, isClosedError, writeAll } from "./channel.ts";
import { greet, type Greeting } from "./handshake.ts";
import { cleartextCheck, scramCheck } from "./password-check.ts";
import { fatal } from "./session-state.ts";

export type CallbackAddress =
  /** A socket of the name `.s.PGSQL.<port>`, as libpq looks for it. */
  | { readonly path: string }
  /** Port 0 picks a free one. */
  | { readonly host: string; readonly port: number };

export interface CallbackEndpointOptions {
  readonly listen: CallbackAddress;
  /** By which Postgres proves to be Postgres. */
  readonly password: string;
  readonly invoker: Invoker;
  readonly warmer: Warmer;
  readonly versions: VersionSource;
  readonly limits?: Partial<CallbackLimits>;
  /** Told of what should not happen; one connection or call fails, the endpoint goes on. */
  readonly onError: (thrown: unknown) => void;
  readonly signal?: AbortSignal;
}

export interface CallbackLimits {
  /** One per Postgres session that has called a function. */
  readonly maxConnections: number;
  readonly authenticationTimeoutMs: number;
  readonly maxInputBytes: number;
  readonly maxResultBytes: number;
  /** How long running calls may go on when the endpoint stops. */
  readonly drainTimeoutMs: number;
}

export const defaultCallbackLimits: CallbackLimits = {
  maxConnections: 5_000,
  authenticationTimeoutMs: 10_000,
  maxInputBytes: 16 * 1024 * 1024,
  maxResultBytes: 16 * 1024 * 1024,
  drainTimeoutMs: 10_000,
};

export interface CallbackEndpoint extends AsyncDisposable {
  /** The TCP port, `null` on a unix socket. */
  readonly port: number | null;
  readonly connections: number;
}

/** Whoever may enter the socket's directory may try the password. */
const SOCKET_MODE = 0o777;

export async function startCallbackEndpoint(
  options: CallbackEndpointOptions,
): Promise<CallbackEndpoint> {
  options.signal?.throwIfAborted();
  const { listen } = options;
  const isUnix = "path" in listen;
  const listener = isUnix
    ? Deno.listen({ transport: "unix", path: listen.path })
    : Deno.listen({ hostname: listen.host, port: listen.port });
  if (isUnix) await Deno.chmod(listen.path, SOCKET_MODE);
  const endpoint = new Endpoint(options, listener, isUnix);
  const stop = () => void endpoint[Symbol.asyncDispose]();
  options.signal?.addEventListener("abort", stop, { once: true });
  return endpoint;
}

class Endpoint implements CallbackEndpoint {
  readonly #options: CallbackEndpointOptions;
  readonly #limits: CallbackLimits;
  readonly #listener: Deno.TcpListener | Deno.UnixListener;
  readonly #isUnix: boolean;
  readonly #accepting: Promise<void>;
  readonly #running = new Map<Channel, Promise<void>>();
  readonly #greeting = new Set<Channel>();
  readonly #sessions = new Map<number, CallbackSession>();
  #lastProcessId = 0;
  #stopping: Promise<void> | undefined;

  constructor(
    options: CallbackEndpointOptions,
    listener: Deno.TcpListener | Deno.UnixListener,
    isUnix: boolean,
  ) {
    this.#options = options;
    this.#limits = { ...defaultCallbackLimits, ...options.limits };
    this.#listener = listener;
    this.#isUnix = isUnix;
    this.#accepting = acceptEach<Deno.TcpConn | Deno.UnixConn>(
      listener,
      (each) => this.#take(each),
      options.onError,
    );
  }

  get port(): number | null {
    const { addr } = this.#listener;
    return addr.transport === "tcp" ? addr.port : null;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  #take(connection: Deno.TcpConn | Deno.UnixConn): void {
    if (this.#running.size >= this.#limits.maxConnections) return connection.close();
    if ("setNoDelay" in connection) connection.setNoDelay(true);
    const served = this.#serve(connection).catch(this.#options.onError);
    this.#running.set(connection, served);
    served.finally(() => this.#running.delete(connection));
  }

  async #serve(connection: Channel): Promise<void> {
    const processId = ++this.#lastProcessId;
    let session: CallbackSession | undefined;
    const timer = setTimeout(() => {
      if (!session?.authenticated) closeQuietly(connection);
    }, this.#limits.authenticationTimeoutMs);
    try {
      const greeting = await this.#greet(connection);
      if (greeting === null || this.#stopping !== undefined) return;
      if (greeting.packet.kind === "cancel") {
        const { processId, key } = greeting.packet;
        const target = this.#sessions.get(processId);
        if (target?.key.every((byte, index) => byte === key[index])) target.cancel();
        return;
      }
      const { password, invoker, warmer, versions, onError } = this.#options;
      session = new CallbackSession({
        channel: connection,
        processId,
        check: this.#isUnix ? cleartextCheck(password) : scramCheck(password),
        invoker,
        warmer,
        versions,
        maxInputBytes: this.#limits.maxInputBytes,
        maxResultBytes: this.#limits.maxResultBytes,
        onError,
      });
      this.#sessions.set(processId, session);
      await session.run(greeting.rest);
    } catch (thrown) {
      if (!isClosedError(thrown)) throw thrown;
    } finally {
      clearTimeout(timer);
      this.#sessions.delete(processId);
      closeQuietly(connection);
    }
  }

  async #greet(connection: Channel): Promise<Greeting | null> {
    this.#greeting.add(connection);
    try {
      return await greet(connection, null);
    } catch (thrown) {
      if (!(thrown instanceof ProtocolViolation)) throw thrown;
      await writeAll(connection, errorResponse(fatal("08P01", thrown.message)));
      return null;
    } finally {
      this.#greeting.delete(connection);
    }
  }

  async #stop(): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const channel of this.#greeting) closeQuietly(channel);
    for (const session of this.#sessions.values()) session.drain();
    const deadline = setTimeout(() => {
      for (const session of this.#sessions.values()) session.close();
    }, this.#limits.drainTimeoutMs);
    await Promise.all(this.#running.values());
    clearTimeout(deadline);
    const { listen } = this.#options;
    if ("path" in listen) await Deno.remove(listen.path).catch(ignoreMissing);
  }
}

function ignoreMissing(thrown: unknown): void {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}
