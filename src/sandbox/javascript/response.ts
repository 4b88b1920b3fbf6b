/**
 * `Response`, which remembers the text it was made of. Most responses are made of one, and to ask a
 * response for its body again makes a stream, a reader and promises: 4 µs of the 19 that a small
 * call takes. In all else it is Deno's own, under the same prototype.
 */
import { uncurryThis } from "../../protocol/primordials.ts";
import { Returned } from "./returned.ts";

const Original = Response;
const { construct } = Reflect;
const { defineProperty } = Object;
const { stringify } = JSON;
const WebHeaders = Headers;
const originalJson = Response.json;

class Source extends Returned {
  readonly #text: string;

  constructor(response: Response, text: string) {
    super(response);
    this.#text = text;
  }

  static of(response: object): string | undefined {
    return #text in response ? response.#text : undefined;
  }
}

/** What the body was made of, if that was text. It may have been read since. */
export const sourceOf: (response: Response) => string | undefined = Source.of;

export function installResponse(): void {
  const remembering = new Proxy(Original, {
    construct(target, args, newTarget) {
      const response = construct(target, args, newTarget);
      const [body] = args;
      if (typeof body === "string") new Source(response, body);
      return response;
    },
  });
  // Deno has an accessor there.
  defineProperty(globalThis, "Response", {
    value: remembering,
    writable: true,
    configurable: true,
    enumerable: false,
  });
  defineProperty(Original.prototype, "constructor", { value: remembering });
  // Its text is made once, here, where the original would make it and keep it to itself.
  const { json } = {
    json(data: unknown, init?: ResponseInit): Response {
      const text = stringify(data);
      if (text === undefined) return originalJson(data, init);
      const response = construct(Original, [text, withJsonType(init)]);
      new Source(response, text);
      return response;
    },
  };
  defineProperty(json, "length", { value: 1 });
  defineProperty(Original, "json", { value: json });
}

const JSON_TYPE = { "content-type": "application/json" };
const JSON_INIT = { headers: JSON_TYPE };
const hasHeader = uncurryThis(Headers.prototype.has);
const setHeader = uncurryThis(Headers.prototype.set);

function withJsonType(init: ResponseInit | undefined): ResponseInit {
  if (init === undefined || init === null) return JSON_INIT;
  const { status, statusText, headers } = init;
  const all = new WebHeaders(headers);
  if (!hasHeader(all, "content-type")) setHeader(all, "content-type", "application/json");
  return {
    headers: all,
    ...(status === undefined ? {} : { status }),
    ...(statusText === undefined ? {} : { statusText }),
  };
}
