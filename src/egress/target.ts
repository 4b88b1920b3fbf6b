/** Where a request is to go, as its request line says. */
import { type IpAddress, parseIpAddress } from "../base/ip-address.ts";
import { Refusal } from "./refusal.ts";

export interface Target {
  /** Lower case, without a dot at the end; `null` where an address was asked for. */
  readonly name: string | null;
  readonly address: IpAddress | null;
  readonly port: number;
}

export interface UrlTarget extends Target {
  readonly secure: boolean;
  /** For the `Host` header and for certificates. */
  readonly host: string;
  readonly authority: string;
  /** Path and query. */
  readonly path: string;
}

/** `CONNECT`'s form. */
export function parseConnectTarget(text: string): Target {
  const match = /^([^:/?#@\\[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65535) throw bad("CONNECT takes host:port");
  return { ...parseHost(match[1] ?? ""), port };
}

/** An absolute URL, or one behind a slash. */
export function parseUrlTarget(text: string): UrlTarget {
  const written = text.startsWith("/") ? text.slice(1) : text;
  const match = /^(https?):\/\/([^/?#]*)([^#]*)$/i.exec(written);
  if (match === null) throw bad("the request line takes an absolute http: or https: URL");
  const [, scheme = "", authority = "", rest = ""] = match;
  const secure = scheme.toLowerCase() === "https";
  const parts = /^([^:@\\[\]]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5})?)?$/.exec(authority);
  const usual = secure ? 443 : 80;
  const port = Number(parts?.[2] ?? usual);
  if (parts === null || port < 1 || port > 65535) throw bad("the URL has no valid host and port");
  const target = parseHost(parts[1] ?? "");
  const host = target.name ?? target.address?.text ?? "";
  const bracketed = host.includes(":") ? `[${host}]` : host;
  return {
    ...target,
    port,
    secure,
    host,
    authority: port === usual ? bracketed : `${bracketed}:${port}`,
    path: rest.startsWith("/") ? rest : `/${rest}`,
  };
}

/** As the URL standard reads hosts: `0x7f.1`, `127.1` and `2130706433` are 127.0.0.1. */
function parseHost(written: string): Pick<Target, "name" | "address"> {
  const hostname = URL.parse(`http://${written}/`)?.hostname ?? "";
  const plain = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname.replace(/\.$/, "");
  if (plain === "" || plain.startsWith(".") || plain.includes("..")) {
    throw bad("there is no such host");
  }
  const address = parseIpAddress(plain) ?? null;
  return address === null ? { name: plain, address } : { name: null, address };
}

function bad(message: string): Refusal {
  return new Refusal("bad_request", message);
}
