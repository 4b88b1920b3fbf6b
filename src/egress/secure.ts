/** TLS to hosts, for requests that leave it to the proxy. */
import { Refusal } from "./refusal.ts";
import { closeQuietly } from "./tunnel.ts";

/** Speaks TLS on the connection, as a client of `host`. Throws a `Refusal`. */
export type Secure = (connection: Deno.TcpConn, host: string) => Promise<Deno.TlsConn>;

/** A host that has accepted and then says nothing. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** `caCerts`: certificates (PEM) to trust beside the usual ones. */
export function secureWith(caCerts: readonly string[]): Secure {
  return async (plain, host) => {
    const timer = setTimeout(() => closeQuietly(secured ?? plain), HANDSHAKE_TIMEOUT_MS);
    let secured: Deno.TlsConn | undefined;
    try {
      secured = await Deno.startTls(plain, {
        hostname: host,
        caCerts: [...caCerts],
        alpnProtocols: ["http/1.1"],
      });
      await secured.handshake();
      return secured;
    } catch (error) {
      closeQuietly(secured ?? plain);
      const reason = error instanceof Error ? error.message : String(error);
      throw new Refusal("tls_failed", `TLS with ${host} failed: ${reason}`);
    } finally {
      clearTimeout(timer);
    }
  };
}
