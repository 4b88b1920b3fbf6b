/**
 * TLS for connections that begin in the clear.
 *
 * Deno can accept TLS only on a listener of its own, not on a connection already open. So there is
 * such a listener on a loopback port, for this process alone: an upgraded connection is joined, byte
 * by byte, to a new one there, and what the listener accepts is the decrypted channel. Any other
 * connection to that port is closed unread.
 */
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
  readonly #expected = new Map<number, (channel: Channel) => void>();
  /** Accepted before our own end knew its port. */
  readonly #early = new Map<number, Channel>();
  readonly #running = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(certificate: TlsCertificate) {
    this.#listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: certificate.cert,
      key: certificate.key,
      alpnProtocols: [ALPN_PROTOCOL],
    });
    this.#accepting = this.#accept();
  }

  async upgrade(encrypted: Channel, received: Uint8Array): Promise<Channel> {
    const { port } = this.#listener.addr;
    const inner = await Deno.connect({ hostname: "127.0.0.1", port });
    inner.setNoDelay(true);
    const decrypted = Promise.withResolvers<Channel>();
    this.#expect(inner.localAddr.port, decrypted.resolve);
    const join = joinChannels(encrypted, inner, received);
    this.#running.add(join);
    join.finally(() => this.#running.delete(join));
    return await decrypted.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#running);
  }

  #expect(port: number, resolve: (channel: Channel) => void): void {
    const early = this.#early.get(port);
    this.#early.delete(port);
    if (early !== undefined) resolve(early);
    else this.#expected.set(port, resolve);
  }

  async #accept(): Promise<void> {
    try {
      for await (const channel of this.#listener) {
        const { port } = channel.remoteAddr;
        const resolve = this.#expected.get(port);
        this.#expected.delete(port);
        if (resolve !== undefined) resolve(channel);
        else this.#early.set(port, channel);
      }
    } catch (thrown) {
      if (!isClosedError(thrown)) throw thrown;
    }
    for (const channel of this.#early.values()) closeQuietly(channel);
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
