/**
 * SOURCE: a function's code from a URL. It is fetched once, when the function is created, through the
 * same way out as the function's own requests and by the function's own rules: public addresses, and
 * what ALLOW_NET opens for those who may set it. What was fetched is kept, with its hash in the URL's fragment:
 *
 *     SOURCE 'https://cdn.example.com/hash.wasm'
 *     → source = https://cdn.example.com/hash.wasm#sha256=9f86d081…
 *
 * A fragment that is there already is a promise that must be kept.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { OrlaError } from "../base/errors.ts";
import type { EgressGate } from "./egress.ts";
import type { FunctionOptions, FunctionVersion, Language } from "./function.ts";

export interface SourceRequest {
  /** The option's value. */
  readonly source: string;
  readonly language: Language;
  /** Of the function, for messages. */
  readonly name: string;
  readonly options: FunctionOptions;
  /** Who asks, before the database has been asked whether he may. */
  readonly sessionUser: string | null;
}

/** What is his at most, whatever role he takes on. */
export interface SourceRights {
  /** To create functions. */
  readonly creates: boolean;
  /** To open private destinations with ALLOW_NET. */
  readonly opensNetwork: boolean;
}

export interface FetchedSource {
  /** As its author would have given it: text, or base64 of a WebAssembly module. */
  readonly code: string;
  /** With its hash. */
  readonly source: string;
}

/** From the first byte to the last, redirects included; whoever creates a function waits for it. */
const FETCH_TIMEOUT_MS = 30_000;

/** Beyond what any language may have: which says so more precisely. */
const MAX_SOURCE_BYTES = 12 * 2 ** 20;

/** As browsers' half; more is a loop. */
const MAX_REDIRECTS = 10;

/** Throws `invalid_option` for a URL that cannot be, or does not give what it promises. */
export async function fetchSource(
  request: SourceRequest,
  rights: SourceRights,
  egress: EgressGate,
  timeoutMs: number = FETCH_TIMEOUT_MS,
): Promise<FetchedSource> {
  if (!rights.creates) {
    throw new OrlaError("forbidden", "permission denied to create an edge function");
  }
  const url = parseSource(request.source);
  const promised = url.hash;
  url.hash = "";
  let refusal: string | undefined;
  const { options: given } = request;
  // The statement's own word is no right: the database judges it only afterwards.
  const options = rights.opensNetwork ? given : { ...given, allowNet: [] };
  // A version of that name which never runs: the gate asks for its rules.
  const version: FunctionVersion = {
    ...{ functionId: "", versionId: "", version: 0, namespace: "default", parameters: null },
    ...{ name: request.name, language: request.language, options },
    ...{ returns: null, code: "", module: { code: "", sourceMap: null, style: "main" } },
  };
  using pass = egress.admit({ version, onRefused: (sentence) => refusal = sentence });
  const signal = AbortSignal.timeout(timeoutMs);
  let bytes: Uint8Array;
  try {
    bytes = await download(url, pass, signal);
  } catch (error) {
    if (error instanceof OrlaError) throw error;
    const why = signal.aborted
      ? `it took longer than ${timeoutMs / 1000} s`
      : error instanceof Error
      ? error.message
      : String(error);
    throw sourceError(`${url.href} cannot be fetched: ${refusal ?? why}`, { cause: error });
  }
  const hash = `#sha256=${createHash("sha256").update(bytes).digest("hex")}`;
  if (promised !== "" && promised.toLowerCase() !== hash) {
    throw sourceError(
      `${url.href} is not what it was promised to be: its hash is ${hash.slice(1)}`,
    );
  }
  return { code: asCode(bytes, request.language, url), source: url.href + hash };
}

function parseSource(text: string): URL {
  const url = URL.parse(text);
  if (url === null) {
    throw sourceError(`SOURCE ${JSON.stringify(text)} is no URL`, {
      hint: "It takes a URL such as 'https://cdn.example.com/hash.wasm'.",
    });
  }
  if (url.protocol === "file:") {
    throw sourceError(
      "SOURCE 'file:…' names a file of the client's, which the database cannot read",
      {
        hint:
          "orla sql -c and orla sql -f read the file and send it along. Or give the code itself: AS '<base64>'.",
      },
    );
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw sourceError(`SOURCE takes https: and http: URLs, not ${url.protocol}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw sourceError("SOURCE must hold no password: everybody may see it");
  }
  if (url.hash !== "" && !/^#sha256=[0-9a-f]{64}$/i.test(url.hash)) {
    throw sourceError("the fragment of SOURCE must be #sha256= and 64 hexadecimal digits");
  }
  return url;
}

interface Way {
  readonly port: number;
  readonly token: string;
}

/** Redirects are followed here: each goes through the same gate. */
async function download(start: URL, way: Way, signal: AbortSignal): Promise<Uint8Array> {
  let url = start;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    // The form of request to the proxy for which no client of a special make is needed.
    const response = await fetch(`http://127.0.0.1:${way.port}/${url.href}`, {
      headers: { "proxy-authorization": `Bearer ${way.token}`, accept: "*/*" },
      redirect: "manual",
      signal,
    });
    const location = response.headers.get("location");
    if (response.headers.has("orla-egress")) {
      throw sourceError(`${url.href} cannot be fetched: ${await refusalIn(response)}`, {
        hint:
          "Functions and their sources reach public addresses, and those that ALLOW_NET opens, which takes the role orla_network.",
      });
    }
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      const next = URL.parse(location, url);
      if (next === null || !/^https?:$/.test(next.protocol)) {
        throw sourceError(`${url.href} redirects to where nothing can be fetched`);
      }
      if (url.protocol === "https:" && next.protocol === "http:") {
        throw sourceError(`${url.href} redirects from https: to http:`);
      }
      url = next;
      url.hash = "";
      continue;
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      throw sourceError(`${url.href} answered with status ${response.status}`);
    }
    return await readLimited(response, url);
  }
  throw sourceError(`${start.href} redirects more than ${MAX_REDIRECTS} times`);
}

async function refusalIn(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : null;
  const isTold = typeof error === "object" && error !== null && "message" in error;
  return isTold ? String(error.message) : `status ${response.status}`;
}

async function readLimited(response: Response, url: URL): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_SOURCE_BYTES) {
      throw new OrlaError(
        "payload_too_large",
        `${url.href} has more than ${MAX_SOURCE_BYTES} bytes`,
        { position: 0 },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function asCode(bytes: Uint8Array, language: Language, url: URL): string {
  if (language === "wasm" && bytes[0] === 0) return bytes.toBase64();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw sourceError(`${url.href} is no text`);
  }
}

function sourceError(
  message: string,
  { hint, cause }: { readonly hint?: string; readonly cause?: unknown } = {},
): OrlaError {
  return new OrlaError("invalid_option", message, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}
