/** An egress proxy with real servers around it, all on loopback. */
import { parseIpAddress } from "../../src/base/ip-address.ts";
import { EgressProxy, type EgressProxyOptions } from "../../src/egress/egress-proxy.ts";
import { Machine } from "../../src/egress/machine.ts";
import type { EgressPass } from "../../src/functions/egress.ts";
import type { FunctionVersion } from "../../src/functions/function.ts";
import { defaultOptions } from "../../src/functions/option-table.ts";
import { type DnsServer, startDnsServer } from "./dns-server.ts";

/** For shop.test and 127.0.0.2. */
export const certificate = {
  authority: await Deno.readTextFile(new URL("../fixtures/authority.crt", import.meta.url)),
  cert: await Deno.readTextFile(new URL("../fixtures/shop.crt", import.meta.url)),
  key: await Deno.readTextFile(new URL("../fixtures/shop.key", import.meta.url)),
};

/** Stand for the internet; the rest of loopback is what it is. */
export const PUBLIC = ["127.0.0.2", "127.0.0.3"];

export interface Rig extends AsyncDisposable {
  readonly proxy: EgressProxy;
  readonly dns: DnsServer;
  admit(rules?: { allowNet?: string[]; denyNet?: string[]; name?: string }): Admitted;
}

export interface Admitted {
  readonly pass: EgressPass;
  readonly token: string;
  /** What its function's log is told. */
  readonly refused: string[];
}

/** Asks the DNS server, and takes {@link PUBLIC} for the internet. */
export function netOptions(
  dns: DnsServer,
  options: Partial<EgressProxyOptions> = {},
): EgressProxyOptions {
  const platform = options.platform ?? (() => []);
  return {
    platform,
    resolver: dns.resolver,
    surroundings: (proxyPort) => {
      const machine = new Machine({ proxyPort, platform });
      return {
        placeOf: (address) => PUBLIC.includes(address.text) ? undefined : machine.placeOf(address),
        isPlatform: (address, port) => machine.isPlatform(address, port),
        isProxy: (address, port) => machine.isProxy(address, port),
      };
    },
    ...options,
  };
}

export async function createRig(options: Partial<EgressProxyOptions> = {}): Promise<Rig> {
  const dns = await startDnsServer();
  const proxy = new EgressProxy(netOptions(dns, options));
  return {
    proxy,
    dns,
    admit({ allowNet = [], denyNet = [], name = "f" } = {}) {
      const refused: string[] = [];
      const pass = proxy.admit({
        version: versionWith({ allowNet, denyNet }, name),
        onRefused: (sentence) => void refused.push(sentence),
      });
      return { pass, token: pass.token, refused };
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await dns[Symbol.asyncDispose]();
    },
  };
}

export function versionWith(
  net: { allowNet: string[]; denyNet: string[] },
  name: string,
): FunctionVersion {
  return {
    functionId: "1",
    versionId: "1",
    version: 1,
    namespace: "default",
    name,
    language: "javascript",
    parameters: null,
    returns: null,
    code: "",
    module: { code: "", sourceMap: null, style: "main" },
    options: { ...defaultOptions, ...net },
  };
}

export function addressOf(text: string) {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return address;
}

/** Serves on one address of loopback; resolves to its port. */
export function serveOn(
  hostname: string,
  handler: Deno.ServeHandler,
  tls?: { readonly cert: string; readonly key: string },
): { readonly port: number } & AsyncDisposable {
  const server = Deno.serve({ hostname, port: 0, onListen() {}, ...tls }, handler);
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** A server of raw bytes: `serve` gets each connection, which is closed when it is done. */
export function listenOn(
  hostname: string,
  serve: (connection: Deno.TcpConn) => Promise<void>,
): { readonly port: number } & AsyncDisposable {
  const listener = Deno.listen({ hostname, port: 0 });
  const open = new Map<Deno.TcpConn, Promise<void>>();
  const accepting = (async () => {
    for await (const connection of listener) {
      const close = () => {
        try {
          connection.close();
        } catch {
          // The server has closed it itself.
        }
      };
      open.set(connection, serve(connection).catch(() => {}).finally(close));
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of open.keys()) {
        try {
          connection.close();
        } catch {
          // Done already.
        }
      }
      await Promise.all(open.values());
    },
  };
}

export const encode = (text: string) => new TextEncoder().encode(text);

/** One raw conversation with the proxy. */
export class RawClient implements Disposable {
  readonly connection: Deno.TcpConn;
  #received = "";

  private constructor(connection: Deno.TcpConn) {
    this.connection = connection;
  }

  static async connect(proxy: { readonly port: number }): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port: proxy.port }));
  }

  async send(text: string): Promise<void> {
    const bytes = encode(text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.connection.write(bytes.subarray(sent));
    }
  }

  /** Everything up to and with `end`, which is taken. */
  async until(end: string): Promise<string> {
    for (;;) {
      const index = this.#received.indexOf(end);
      if (index >= 0) {
        const text = this.#received.slice(0, index + end.length);
        this.#received = this.#received.slice(text.length);
        return text;
      }
      if (!await this.#read()) throw new Error(`it ended after ${JSON.stringify(this.#received)}`);
    }
  }

  /** Everything until the connection's end. */
  async rest(): Promise<string> {
    while (await this.#read());
    return this.#received;
  }

  async #read(): Promise<boolean> {
    const buffer = new Uint8Array(65536);
    let count: number | null;
    try {
      count = await this.connection.read(buffer);
    } catch {
      count = null; // reset: an end as well
    }
    if (count === null) return false;
    this.#received += new TextDecoder("latin1").decode(buffer.subarray(0, count));
    return true;
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** The whole answer to raw bytes. */
export async function answerTo(proxy: { readonly port: number }, text: string): Promise<string> {
  using client = await RawClient.connect(proxy);
  await client.send(text);
  return await client.rest();
}

export function basic(token: string): string {
  return `Basic ${btoa(`orla:${token}`)}`;
}
