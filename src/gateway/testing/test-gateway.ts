/** A gateway over in-process functions, and a socket that speaks raw HTTP to it. */
import { silentLogger } from "../../base/log.ts";
import { type HttpGateway, type HttpGatewayOptions, startHttpGateway } from "../http-gateway.ts";
import { createKeyVerifier, generateKey } from "../keys.ts";
import type { Route } from "../route.ts";
import { createRouteTable } from "../route-table.ts";
import { inProcess, type TestFunction } from "./in-process.ts";

export const serviceKey = generateKey("service");
export const anonKey = generateKey("anon");

export interface TestGatewayOptions extends
  Partial<
    Pick<HttpGatewayOptions, "limits" | "tls" | "signal" | "directory" | "log" | "triggers">
  > {
  readonly routes?: readonly Route[];
}

export function testGateway(
  functions: readonly TestFunction[],
  { routes = [], ...options }: TestGatewayOptions = {},
): HttpGateway {
  return startHttpGateway({
    host: "127.0.0.1",
    port: 0,
    ...inProcess(functions),
    keys: createKeyVerifier({ serviceKey, anonKey }),
    api: createRouteTable(routes),
    log: silentLogger,
    ...options,
  });
}

/** Everything the gateway says on one connection, read as Latin-1 so that bytes stay countable. */
export class RawConnection implements AsyncDisposable {
  readonly #connection: Deno.Conn;
  #received = "";
  #ended = false;
  #closed = false;

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async open(port: number): Promise<RawConnection> {
    return new RawConnection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async send(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  /** What has come once `enough` holds of it; rejects when the connection ends before. */
  async until(enough: (received: string) => boolean): Promise<string> {
    while (!enough(this.#received)) {
      if (!await this.#readMore()) {
        throw new Error(`closed after ${JSON.stringify(this.#received)}`);
      }
    }
    return this.#received;
  }

  /** One response with a `content-length`, taken off what has come. */
  async response(): Promise<RawResponse> {
    const received = await this.until((text) => {
      const head = text.indexOf("\r\n\r\n");
      return head !== -1 && text.length >= head + 4 + lengthIn(text.slice(0, head));
    });
    const head = received.slice(0, received.indexOf("\r\n\r\n"));
    const bodyStart = head.length + 4;
    const bodyEnd = bodyStart + lengthIn(head);
    this.#received = received.slice(bodyEnd);
    return { status: Number(head.split(" ")[1]), head, body: received.slice(bodyStart, bodyEnd) };
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<string> {
    while (await this.#readMore());
    return this.#received;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async #readMore(): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = new Uint8Array(64 * 1024);
    const length = await this.#connection.read(chunk).catch(() => null);
    if (length === null) this.#ended = true;
    else this.#received += Array.from(chunk.subarray(0, length), byteToChar).join("");
    return length !== null;
  }
}

export interface RawResponse {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const byteToChar = (byte: number) => String.fromCharCode(byte);

function lengthIn(head: string): number {
  return Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
}
