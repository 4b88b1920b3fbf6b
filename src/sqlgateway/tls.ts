/**
 * TLS for connections that begin in the clear.
 *
 * Deno can accept TLS only on a listener of its own, not on a connection already open. So there is
 * such a listener on a loopback port, for this process alone: an upgraded connection is joined, byte
 * by byte, to a new one there, and what the listener accepts is the decrypted channel. Any other
 * connection to that port is closed unread.
 */
import { acceptEach } from "./accept-each.ts";
import { type Channel, closeQuietly, isClosedError, writeAll } from "./channel.ts";

export interface TlsCertificate {
  /** PEM, the server's certificate first. */
  readonly cert: string;
  /** PEM, the private key. */
  readonly key: string;
}

/** `sslnegotiation=direct` demands it; others may offer it. */
const ALPN_PROTOCOL = "postgresql";
const JOIN_BUFFER_BYTES = 16 * 1024;

export class TlsTerminator implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  /** Awaited by the local port of our own end. */
  readonly #expected = new Map<number, (channel: Deno.TlsConn) => void>();
  /** Accepted before our own end knew its port, or a stranger's. */
  readonly #early = new Map<number, Deno.TlsConn>();
  /** Upgrades whose own end does not know its port yet. */
  #connecting = 0;
  readonly #running = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(certificate: TlsCertificate, onError: (thrown: unknown) => void) {
    this.#listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: certificate.cert,
      key: certificate.key,
      alpnProtocols: [ALPN_PROTOCOL],
    });
    this.#accepting = acceptEach(this.#listener, (each) => this.#take(each), onError);
  }

  /** Throws `ConnectionAborted` when the client does not agree; its connection is closed then. */
  async upgrade(encrypted: Channel, received: Uint8Array): Promise<Channel> {
    const decrypted = Promise.withResolvers<Deno.TlsConn>();
    const inner = await this.#connect(decrypted.resolve);
    const join = joinChannels(encrypted, inner, received);
    this.#running.add(join);
    join.finally(() => this.#running.delete(join));
    // The client may go away before the listener gets to see it.
    const channel = await Promise.race([
      decrypted.promise,
      join.then(() => Promise.reject(new Deno.errors.ConnectionAborted("the client went away"))),
    ]);
    try {
      await channel.handshake();
    } catch (cause) {
      closeQuietly(channel);
      throw new Deno.errors.ConnectionAborted("the TLS handshake failed", { cause });
    }
    return channel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#running);
  }

  /** Our own end of a new connection to the listener, which hands the other end to `resolve`. */
  async #connect(resolve: (channel: Deno.TlsConn) => void): Promise<Deno.TcpConn> {
    this.#connecting++;
    try {
      const { port } = this.#listener.addr;
      const inner = await Deno.connect({ hostname: "127.0.0.1", port });
      inner.setNoDelay(true);
      const early = this.#early.get(inner.localAddr.port);
      this.#early.delete(inner.localAddr.port);
      if (early !== undefined) resolve(early);
      else this.#expected.set(inner.localAddr.port, resolve);
      return inner;
    } finally {
      this.#connecting--;
      this.#closeStrangers();
    }
  }

  #closeStrangers(): void {
    if (this.#connecting > 0) return;
    for (const channel of this.#early.values()) closeQuietly(channel);
    this.#early.clear();
  }

  #take(channel: Deno.TlsConn): void {
    const { port } = channel.remoteAddr;
    const resolve = this.#expected.get(port);
    this.#expected.delete(port);
    if (resolve !== undefined) return resolve(channel);
    this.#early.set(port, channel);
    this.#closeStrangers();
  }
}

/** Copies both ways until both ends are closed. */
async function joinChannels(a: Channel, b: Channel, fromA: Uint8Array): Promise<void> {
  await Promise.all([copy(a, b, fromA), copy(b, a, new Uint8Array(0))]);
  closeQuietly(a);
  closeQuietly(b);
}

async function copy(from: Channel, to: Channel, first: Uint8Array): Promise<void> {
  try {
    if (first.length > 0) await writeAll(to, first);
    const buffer = new Uint8Array(JOIN_BUFFER_BYTES);
    for (;;) {
      const read = await from.read(buffer);
      if (read === null) break;
      await writeAll(to, buffer.subarray(0, read));
    }
    await to.closeWrite();
  } catch (thrown) {
    closeQuietly(from);
    closeQuietly(to);
    if (!isClosedError(thrown)) throw thrown;
  }
}
