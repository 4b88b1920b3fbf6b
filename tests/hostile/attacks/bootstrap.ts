/** Turning the runtime's own code, which shares the process, against the platform. */
import { answered, type Attack, harmless } from "../attack.ts";

/** After whatever was broken, calls are answered as if nothing had been. */
const survives = (source: string) => answered(["bootstrap"], `${source}\nreturn false;`);

/** It may break itself, and nothing else. */
const ruins = (source: string) =>
  harmless(["bootstrap", "supervisor"], `${source}\nreturn false;`, { ruinsItself: true });

export const bootstrapAttacks: readonly Attack[] = [
  {
    name: "pollute Object.prototype",
    code: {
      javascript: survives(`
        for (const name of ["status", "type", "then", "toJSON", "headers", "body", "code", "callId",
          "socket", "background", "get", "value", "writable", "cause", "rid", "url", "kind"]) {
          if (name === "get" || name === "then" || name === "toJSON") continue;
          Object.prototype[name] = "polluted";
        }`),
    },
  },
  {
    name: "make every object a promise",
    code: {
      javascript: ruins(`Object.defineProperty(Object.prototype, "then", {
          get() { globalThis.caught ??= []; caught.push(this); return undefined; }, configurable: true,
        });`),
    },
  },
  {
    name: "make every object answer for itself in JSON",
    code: {
      javascript: ruins(`Object.prototype.toJSON = () => ({ status: 200, headers: [] });`),
    },
  },
  {
    name: "make every property of a descriptor an accessor",
    code: {
      javascript: ruins(
        `Object.prototype.get = () => "polluted"; Object.prototype.set = () => {};`,
      ),
    },
  },
  {
    name: "replace JSON and its methods",
    code: {
      javascript: survives(`JSON.stringify = () => '{"status":500}'; JSON.parse = () => ({});
        globalThis.JSON = null;`),
    },
  },
  {
    name: "replace what encodes and decodes text",
    code: {
      javascript: survives(`TextEncoder.prototype.encode = () => new Uint8Array(1e6);
        TextEncoder.prototype.encodeInto = () => ({ read: 0, written: 1e9 });
        TextDecoder.prototype.decode = () => "{}";`),
    },
  },
  {
    name: "replace methods of arrays and their iterators",
    code: {
      javascript: survives(`
        for (const name of ["push", "map", "forEach", "slice", "splice", "shift", "join", "indexOf"]) {
          Array.prototype[name] = () => { throw new Error("replaced"); };
        }
        Array.prototype[Symbol.iterator] = function* () { yield "replaced"; };`),
    },
  },
  {
    name: "put accessors on the numbers of Array.prototype",
    code: {
      javascript: ruins(`for (let n = 0; n < 8; n++) {
          Object.defineProperty(Array.prototype, n, { set() { throw new Error("set"); }, get() { return 1; } });
        }`),
    },
  },
  {
    name: "replace methods of byte arrays",
    code: {
      javascript: survives(`
        for (const name of ["set", "subarray", "slice", "fill"]) {
          Object.getPrototypeOf(Uint8Array.prototype)[name] = () => { throw new Error("replaced"); };
        }
        DataView.prototype.setUint32 = () => {};
        globalThis.Uint8Array = class {};`),
    },
  },
  {
    name: "replace promises",
    code: {
      javascript: survives(`Promise.prototype.then = () => { throw new Error("replaced"); };
        Promise.prototype.catch = Promise.prototype.finally = Promise.prototype.then;
        Promise.resolve = Promise.all = Promise.race = () => null;
        globalThis.Promise = class {};`),
    },
  },
  {
    name: "replace how functions are applied and bound",
    code: {
      javascript: survives(`
        Function.prototype.apply = Function.prototype.bind = () => "replaced";
        Reflect.apply = Reflect.get = Reflect.set = Reflect.construct = () => "replaced";`),
    },
  },
  {
    name: "replace maps, sets, symbols and regular expressions",
    code: {
      javascript: survives(`
        for (const kind of [Map, Set, WeakMap, WeakSet]) {
          for (const name of ["get", "set", "has", "add", "delete"]) kind.prototype[name] = () => undefined;
        }
        RegExp.prototype.exec = RegExp.prototype.test = () => null;
        String.prototype.slice = String.prototype.endsWith = String.prototype.indexOf = () => "";
        Symbol.prototype.toString = () => "";`),
    },
  },
  {
    name: "replace timers and microtasks",
    code: {
      javascript: survives(`globalThis.setTimeout = globalThis.queueMicrotask = (run) => run();
        globalThis.setInterval = globalThis.clearTimeout = null; Date.now = () => 0;
        performance.now = () => -1;`),
    },
  },
  {
    name: "replace errors and how stacks are made",
    code: {
      javascript: survives(`Error.prepareStackTrace = () => { throw new Error("no stack"); };
        Error.captureStackTrace = () => { for (;;) throw 1; };
        Object.defineProperty(Error.prototype, "message", { get() { throw 2; } });
        globalThis.Error = null;`),
    },
  },
  {
    name: "replace events and abort signals",
    code: {
      javascript: survives(
        `EventTarget.prototype.dispatchEvent = () => { throw new Error("replaced"); };
        EventTarget.prototype.addEventListener = () => {};
        AbortController.prototype.abort = () => { throw new Error("replaced"); };
        globalThis.AbortController = null;`,
      ),
    },
  },
  {
    name: "freeze everything",
    code: {
      javascript: survives(`
        for (const it of [Object.prototype, Array.prototype, Function.prototype, Promise.prototype,
          globalThis.console, Deno, Uint8Array.prototype]) Object.freeze(it);`),
    },
  },
  {
    name: "delete every global there is",
    code: {
      javascript: ruins(`for (const name of Object.getOwnPropertyNames(globalThis)) {
          try { delete globalThis[name]; } catch { /* it stays */ }
        }`),
    },
  },
];
