/**
 * Handlers that code registers instead of exporting: `Deno.serve(handler)`, `serve(handler)`,
 * `addEventListener("fetch", listener)`. The first one wins, as a second could never be called.
 */
import type { WebContext } from "./conventions.ts";

export type WebHandler = (request: Request, context: WebContext) => unknown;

let registered: WebHandler | undefined;

export function registeredHandler(): WebHandler | undefined {
  return registered;
}

function register(handler: WebHandler): void {
  registered ??= handler;
}

const remoteAddress = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

function serve(...args: unknown[]): unknown {
  const handler = handlerIn(args);
  register((request, context) =>
    handler(request, { remoteAddr: remoteAddress, completed: context.completed })
  );
  return server;
}

type ServeHandler = (request: Request, info: unknown) => unknown;

/** `(handler)`, `(options, handler)`, `(handler, options)` and `({ handler })` are all in use. */
function handlerIn(args: readonly unknown[]): ServeHandler {
  for (let i = 0; i < args.length; i++) {
    const argument = args[i];
    if (typeof argument === "function") return argument as ServeHandler;
  }
  const [options] = args;
  if (typeof options === "object" && options !== null && "handler" in options) {
    if (typeof options.handler === "function") return options.handler as ServeHandler;
  }
  throw new TypeError("serve needs a handler: serve((request) => new Response(…))");
}

const never = new Promise<void>(() => {});
const resolved = Promise.resolve();

/** Enough of `Deno.HttpServer`: the platform listens, so there is nothing here to stop. */
const server = {
  addr: remoteAddress,
  finished: never,
  shutdown: () => resolved,
  ref: () => {},
  unref: () => {},
  [Symbol.asyncDispose]: () => resolved,
};

class FetchEvent extends Event {
  readonly request: Request;
  readonly #context: WebContext;
  #response: { readonly value: unknown } | undefined;

  constructor(request: Request, context: WebContext) {
    super("fetch");
    this.request = request;
    this.#context = context;
  }

  respondWith(response: unknown): void {
    if (this.#response !== undefined) throw new TypeError("respondWith was called twice");
    this.#response = { value: response };
  }

  waitUntil(promise: unknown): void {
    this.#context.waitUntil(promise);
  }

  passThroughOnException(): void {}

  static responseOf(event: FetchEvent): unknown {
    if (event.#response === undefined) {
      throw new TypeError("the fetch listener did not call event.respondWith(response)");
    }
    return event.#response.value;
  }
}

const { responseOf } = FetchEvent;

function registerListener(listener: unknown): void {
  const isObject = typeof listener === "object" && listener !== null;
  const handle = isObject ? (listener as { handleEvent?: unknown }).handleEvent : listener;
  if (typeof handle !== "function") throw new TypeError("a fetch listener must be a function");
  register((request, context) => {
    const event = new FetchEvent(request, context);
    apply(handle, isObject ? listener : undefined, [event]);
    return responseOf(event);
  });
}

const { apply } = Reflect;

export function installRegistrations(): void {
  const define = (target: object, name: string, value: unknown) =>
    Object.defineProperty(target, name, { value, writable: true, configurable: true });
  define(Deno, "serve", serve);
  define(globalThis, "serve", serve);
  const addEventListener = globalThis.addEventListener;
  define(globalThis, "addEventListener", (type: string, listener: never, options?: never) => {
    if (type === "fetch") registerListener(listener);
    else apply(addEventListener, globalThis, [type, listener, options]);
  });
}
