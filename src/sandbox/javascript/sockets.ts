/** `Deno.connect` and `Deno.connectTls` by tunnels through the egress proxy. */
import { uncurryThis, viewOf } from "../../protocol/primordials.ts";
import { readRefusal, type Refusal, theWayOut } from "./way-out.ts";

const nativeConnect = Deno.connect;
const nativeStartTls = Deno.startTls;
const { NotCapable, ConnectionRefused, NotFound, TimedOut, BadResource } = Deno.errors;
const TypeMistake = TypeError;
const Bytes = Uint8Array;
const { defineProperty } = Object;
const encode = TextEncoder.prototype.encode.bind(new TextEncoder());
const decode = TextDecoder.prototype.decode.bind(new TextDecoder());
const { apply } = Reflect;
const { startsWith, indexOf, slice, toLowerCase, includes } = String.prototype;
const matchHeader = RegExp.prototype.exec.bind(/\r\norla-egress: (\w+)\r\n/i);

/** The proxy's answer, always these bytes: what follows them comes from the host. */
const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";

/** A refusal is a few hundred bytes. */
const MAX_REFUSAL_BYTES = 64 * 1024;

let methods: {
  readonly read: (connection: Deno.Conn, into: Uint8Array) => Promise<number | null>;
  readonly write: (connection: Deno.Conn, bytes: Uint8Array) => Promise<number>;
  readonly close: (connection: Deno.Conn) => void;
} | undefined;

/** Taken from the first connection, which is the instance's own channel. */
export function learnConnections({ read, write, close }: Deno.Conn): void {
  methods = { read: uncurryThis(read), write: uncurryThis(write), close: uncurryThis(close) };
}

/** A tunnel's end. Throws the error that Deno has for what went wrong. */
export async function openTunnel(
  hostname: string,
  port: number,
  signal?: AbortSignal,
): Promise<Deno.TcpConn> {
  const { port: proxyPort, credentials } = theWayOut();
  const { read, write, close } = methods!; // learnt before there is a function
  const host = apply(includes, hostname, [":"]) && !apply(startsWith, hostname, ["["])
    ? `[${hostname}]`
    : hostname;
  const options = { hostname: "127.0.0.1", port: proxyPort };
  const connection = await nativeConnect(signal === undefined ? options : { ...options, signal });
  const abandon = () => close(connection);
  signal?.addEventListener("abort", abandon);
  try {
    const authority = `${host}:${port}`;
    const request = encode(
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${credentials}\r\n\r\n`,
    );
    for (let sent = 0; sent < request.length;) {
      sent += await write(connection, viewOf(request, sent));
    }
    const answer = new Bytes(ESTABLISHED.length);
    let count = await readFully(connection, answer, read);
    if (decode(viewOf(answer, 0, count)) === ESTABLISHED) return connection;
    const whole = new Bytes(MAX_REFUSAL_BYTES);
    whole.set(viewOf(answer, 0, count));
    count += await readFully(connection, viewOf(whole, count), read);
    throw errorOf(authority, decode(viewOf(whole, 0, count)));
  } catch (error) {
    if (!(error instanceof BadResource)) close(connection);
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", abandon);
  }
}

async function readFully(
  connection: Deno.Conn,
  into: Uint8Array,
  read: (connection: Deno.Conn, into: Uint8Array) => Promise<number | null>,
): Promise<number> {
  let count = 0;
  while (count < into.length) {
    const more = await read(connection, viewOf(into, count));
    if (more === null) break;
    count += more;
  }
  return count;
}

function errorOf(authority: string, answer: string): Error {
  const code = matchHeader(answer)?.[1] ?? "";
  const body = apply(slice, answer, [apply(indexOf, answer, ["\r\n\r\n"]) + 4]);
  const refusal: Refusal = readRefusal(apply(toLowerCase, code, []), body);
  const Kind = kindOf(refusal.code);
  return new Kind(
    refusal.code === "not_allowed"
      ? `connecting to ${authority} is not allowed: ${refusal.message}`
      : `cannot connect to ${authority}: ${refusal.message}`,
  );
}

function kindOf(code: string): new (message: string) => Error {
  switch (code) {
    case "not_allowed":
      return NotCapable;
    case "connect_failed":
      return ConnectionRefused;
    case "name_not_found":
      return NotFound;
    case "connect_timeout":
      return TimedOut;
    default:
      return TypeMistake;
  }
}

type ConnectOptions = Deno.ConnectOptions & { readonly transport?: string };

async function connect(options: ConnectOptions): Promise<Deno.TcpConn> {
  // Those that are not TCP are refused by Deno's permissions.
  if ((options.transport ?? "tcp") !== "tcp") return await nativeConnect(options);
  const { hostname = "127.0.0.1", port, signal } = options;
  const connection = await openTunnel(`${hostname}`, Number(port), signal);
  const value = { transport: "tcp", hostname, port };
  defineProperty(connection, "remoteAddr", { value, configurable: true });
  return connection;
}

async function connectTls(
  options: Deno.ConnectTlsOptions & Partial<Deno.TlsCertifiedKeyPem>,
): Promise<Deno.TlsConn> {
  const { hostname = "127.0.0.1", port, cert, key } = options;
  if (cert !== undefined || key !== undefined) {
    throw new TypeMistake("Client certificates are not available here; node:tls has them");
  }
  const connection = await openTunnel(hostname, port);
  const { caCerts, alpnProtocols, unsafelyDisableHostnameVerification } = options;
  return await nativeStartTls(connection, {
    hostname,
    ...caCerts === undefined ? {} : { caCerts },
    ...alpnProtocols === undefined ? {} : { alpnProtocols },
    ...unsafelyDisableHostnameVerification === undefined
      ? {}
      : { unsafelyDisableHostnameVerification },
  });
}

/** Deno asks for no permission to use the system's name server; where the kernel does not forbid it, this does. */
function resolveDns(): Promise<never> {
  return Promise.reject(
    new NotCapable("Names are looked up by the platform, when a connection is made"),
  );
}

export function installSockets(): void {
  for (const [name, value] of Object.entries({ connect, connectTls, resolveDns })) {
    Object.defineProperty(Deno, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}
