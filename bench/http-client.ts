/**
 * A bare HTTP/1.1 client on one kept-alive TCP connection, so that the time it measures is the
 * server's and not that of a connection pool. Understands what the contenders send: a
 * `content-length` or chunked body. The parser is pure.
 */

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names; the last of a repeated header wins. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();
const encoder = new TextEncoder();
/** One read's worth: the answers measured here are smaller than one kilobyte. */
const readBufferBytes = 16 * 1024;

/** The answer at the start of `bytes`, or `undefined` while it is incomplete. */
export function parseAnswer(bytes: Uint8Array): HttpAnswer | undefined {
  const text = latin1.decode(bytes);
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`not an HTTP answer: ${statusLine}`);
  const headers = new Map(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  }));
  const bodyStart = headEnd + 4;
  if (headers.get("transfer-encoding") === "chunked") {
    const body = parseChunks(text, bodyStart);
    return body === undefined ? undefined : { status, headers, body };
  }
  const bodyEnd = bodyStart + Number(headers.get("content-length") ?? 0);
  if (bytes.length < bodyEnd) return undefined;
  return { status, headers, body: utf8.decode(bytes.subarray(bodyStart, bodyEnd)) };
}

function parseChunks(text: string, start: number): string | undefined {
  let body = "";
  for (let position = start;;) {
    const sizeEnd = text.indexOf("\r\n", position);
    if (sizeEnd < 0) return undefined;
    const size = parseInt(text.slice(position, sizeEnd), 16);
    const next = sizeEnd + 2 + size + 2;
    if (text.length < next) return undefined;
    if (size === 0) return body;
    body += text.slice(sizeEnd + 2, sizeEnd + 2 + size);
    position = next;
  }
}

export class HttpConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #host: string;
  readonly #buffer = new Uint8Array(readBufferBytes);

  private constructor(connection: Deno.TcpConn, host: string) {
    this.#connection = connection;
    this.#host = host;
  }

  static async open(url: string): Promise<HttpConnection> {
    const { hostname, port, host } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    return new HttpConnection(connection, host);
  }

  /** Sends one GET and returns its whole answer. Calls on one connection must not overlap. */
  async get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    const { pathname, search } = new URL(url);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const request = encoder.encode(
      `GET ${pathname}${search} HTTP/1.1\r\nhost: ${this.#host}\r\n${lines}\r\n`,
    );
    for (let sent = 0; sent < request.length;) {
      sent += await this.#connection.write(request.subarray(sent));
    }
    for (let length = 0;;) {
      if (length === this.#buffer.length) throw new Error(`${url}: the answer is too long`);
      const read = await this.#connection.read(this.#buffer.subarray(length));
      if (read === null) throw new Error(`${url}: the server closed the connection`);
      length += read;
      const answer = parseAnswer(this.#buffer.subarray(0, length));
      if (answer !== undefined) return answer;
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
