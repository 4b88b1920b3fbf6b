/** A TCP connection to an external Postgres, encrypted where its URL asks for that. */
import { OrlaError } from "../base/errors.ts";

export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
  readonly encryption: "none" | "verified";
}

/** Length 8, code 80877103: "SSLRequest" of the protocol's message formats. */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);
const ACCEPTED = "S".charCodeAt(0);

export async function connectUpstream(address: UpstreamAddress): Promise<Deno.Conn> {
  const { host: hostname, port, encryption } = address;
  const connection = await Deno.connect({ hostname, port });
  connection.setNoDelay(true);
  if (encryption === "none") return connection;
  try {
    await connection.write(SSL_REQUEST);
    const answer = new Uint8Array(1);
    await connection.read(answer);
    if (answer[0] !== ACCEPTED) {
      throw new OrlaError("unavailable", `Postgres at ${hostname}:${port} does not offer TLS`);
    }
    return await Deno.startTls(connection, { hostname });
  } catch (thrown) {
    try {
      connection.close();
    } catch {
      // startTls has taken it over.
    }
    throw thrown;
  }
}
