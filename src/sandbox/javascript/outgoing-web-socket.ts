/** `WebSocket` by way of the egress proxy, which speaks TLS for it and passes on the upgrade. */
import { uncurryThis } from "../../protocol/primordials.ts";
import { theWayOut, traceparent } from "./way-out.ts";

const NativeWebSocket = WebSocket;
const WebUrl = URL;
const WebHeaders = Headers;
const setHeaderOf = uncurryThis(Headers.prototype.set);
const hasHeaderOf = uncurryThis(Headers.prototype.has);
const encodeBase64 = btoa;
const decodePart = decodeURIComponent;
const { isArray } = Array;
const { defineProperty } = Object;

/** Of Deno's own; others are passed on too. */
interface Options {
  readonly headers?: HeadersInit;
  readonly protocols?: string | string[];
}

type Arguments = readonly [url: string, options?: Options | string | string[]];

export function installWebSocket(): void {
  const Outgoing = class WebSocket extends NativeWebSocket {
    constructor(url: string | URL, options?: Options | string | string[]) {
      const target = WebUrl.parse(url);
      // Deno's own constructor has the words for what is no URL.
      const [address, changed] = target === null || !isWeb(target)
        ? [`${url}`, options]
        : throughProxy(target, options);
      super(address, changed as string[]); // TypeScript's own declaration lacks Deno's options
      if (target === null) return;
      const protocol = target.protocol === "https:" || target.protocol === "wss:" ? "wss:" : "ws:";
      target.protocol = protocol;
      defineProperty(this, "url", { value: target.href, configurable: true });
    }
  };
  defineProperty(globalThis, "WebSocket", {
    value: Outgoing,
    writable: true,
    configurable: true,
  });
}

function isWeb({ protocol, hash }: URL): boolean {
  if (hash !== "") return false;
  return protocol === "ws:" || protocol === "wss:" || protocol === "http:" || protocol === "https:";
}

function throughProxy(target: URL, given: Arguments[1]): Arguments {
  const { port, credentials } = theWayOut();
  const options: Options = given === undefined
    ? {}
    : typeof given === "string" || isArray(given)
    ? { protocols: given }
    : given;
  const headers = new WebHeaders(options.headers);
  if (
    (target.username !== "" || target.password !== "") && !hasHeaderOf(headers, "authorization")
  ) {
    const userinfo = `${decodePart(target.username)}:${decodePart(target.password)}`;
    setHeaderOf(headers, "authorization", `Basic ${encodeBase64(userinfo)}`);
  }
  const trace = hasHeaderOf(headers, "traceparent") ? undefined : traceparent();
  if (trace !== undefined) setHeaderOf(headers, "traceparent", trace);
  setHeaderOf(headers, "proxy-authorization", credentials);
  const scheme = target.protocol === "ws:" || target.protocol === "http:" ? "http" : "https";
  const { host, pathname, search } = target;
  const address = `ws://127.0.0.1:${port}/${scheme}://${host}${pathname}${search}`;
  return [address, { ...options, headers }];
}
