/** Turning the runtime's own code, which shares the process, against the platform. */
import { answered, type Attack, harmless, refused } from "../attack.ts";

/** After whatever was broken, calls are answered as if nothing had been. */
const survives = (source: string) => answered(["bootstrap"], `${source}\nreturn false;`);

/** It may break itself, and nothing else. */
const ruins = (source: string) =>
  harmless(["bootstrap", "supervisor"], `${source}\nreturn false;`, { ruinsItself: true });

/** Writes frames to every descriptor there may be. */
const FRAMES = `const frame = (type, flags, call, text) => {
  const payload = new TextEncoder().encode(text);
  const bytes = new Uint8Array(10 + payload.length);
  new DataView(bytes.buffer).setUint32(0, payload.length);
  bytes[4] = type; bytes[5] = flags;
  new DataView(bytes.buffer).setUint32(6, call);
  bytes.set(payload, 10);
  return bytes;
};`;

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
    name: "replace calling itself, which Deno's operations go through",
    code: {
      javascript: refused(
        ["bootstrap"],
        `
        const caught = [];
        const { call } = Function.prototype;
        const { apply } = Reflect;
        Function.prototype.call = function (self, ...args) {
          caught.push(this.name);
          return apply(this, self, args);
        };
        await new Promise((resolve) => setTimeout(resolve, 10));
        await fetch("http://127.0.0.1:" + target.port).catch(() => {});
        Function.prototype.call = call;
        return caught.some((name) => name.startsWith("op_"));`,
      ),
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
  {
    name: "replace the socket's methods to get at the channel",
    code: {
      javascript: refused(
        ["bootstrap"],
        `
        let caught;
        for (const kind of [Deno.TcpConn, Deno.UnixConn, Deno.Conn, Deno.FsFile]) {
          for (const name of ["read", "write", "writeSync", "close", "seekSync"]) {
            if (kind?.prototype?.[name] === undefined) continue;
            kind.prototype[name] = function () { caught = this; throw new Error("caught"); };
          }
        }
        console.log("something to send");
        await new Promise((resolve) => setTimeout(resolve, 50));
        return caught !== undefined;`,
        { noControl: "there is no channel" },
      ),
    },
  },
  {
    name: "catch the channel in a getter",
    code: {
      javascript: refused(
        ["bootstrap"],
        `
        let caught;
        for (const name of ["rid", "then", "localAddr", "remoteAddr", "transport"]) {
          Object.defineProperty(Object.prototype, name, {
            get() { if (this?.constructor?.name?.endsWith("Conn")) caught = this; return undefined; },
            set(value) { Object.defineProperty(this, name, { value, writable: true, configurable: true }); },
            configurable: true,
          });
        }
        console.log("something to send");
        await new Promise((resolve) => setTimeout(resolve, 50));
        for (const name of ["rid", "then", "localAddr", "remoteAddr", "transport"]) delete Object.prototype[name];
        return caught !== undefined;`,
        { noControl: "there is no channel" },
      ),
    },
  },
  {
    name: "write forged frames to every descriptor",
    code: {
      javascript: harmless(
        ["permissions", "supervisor"],
        `${FRAMES}
        const fs = await builtin("fs");
        for (let fd = 3; fd < 300; fd++) {
          for (const bytes of [frame(10, 1, 0, "forged"), frame(4, 1, 99, "{}"), frame(8, 0, 0, "{}")]) {
            try { fs.writeSync(fd, bytes); } catch { /* the next one */ }
          }
        }
        return false;`,
        { ruinsItself: true },
      ),
      python: harmless(
        ["supervisor"],
        `import os, struct
def frame(type, flags, call, text):
    payload = text.encode()
    return struct.pack(">IBBI", len(payload), type, flags, call) + payload
for fd in range(3, 300):
    for data in (frame(10, 1, 0, "forged"), frame(4, 1, 99, "{}"), frame(8, 0, 0, "{}")):
        try:
            os.write(fd, data)
        except OSError:
            pass
return False`,
        { ruinsItself: true },
      ),
    },
  },
  {
    name: "write garbage to every descriptor",
    code: {
      javascript: harmless(
        ["permissions", "supervisor"],
        `
        const fs = await builtin("fs");
        for (let fd = 3; fd < 300; fd++) {
          try { fs.writeSync(fd, new Uint8Array(4096).fill(255)); } catch { /* the next one */ }
        }
        return false;`,
        { ruinsItself: true },
      ),
      python: harmless(
        ["supervisor"],
        `import os
for fd in range(3, 300):
    try:
        os.write(fd, b"\\xff" * 4096)
    except OSError:
        pass
return False`,
        { ruinsItself: true },
      ),
    },
  },
  {
    name: "close every descriptor",
    code: {
      javascript: harmless(
        ["permissions", "supervisor"],
        `
        const fs = await builtin("fs");
        for (let fd = 3; fd < 300; fd++) { try { fs.closeSync(fd); } catch { /* the next one */ } }
        return false;`,
        { ruinsItself: true },
      ),
      python: harmless(
        ["supervisor"],
        `import os
os.closerange(0, 300)
return False`,
        { ruinsItself: true },
      ),
    },
  },
  {
    name: "read other calls' requests off the channel",
    code: {
      python: harmless(
        ["supervisor"],
        `import os
os.set_blocking(3, False)
for fd in range(3, 100):
    try:
        os.set_blocking(fd, False)
        os.read(fd, 65536)
    except OSError:
        pass
return False`,
        { ruinsItself: true },
      ),
    },
  },
  {
    name: "look into the interpreter's frames for what it keeps",
    code: {
      python: refused(
        ["supervisor"],
        `import gc, sys
found = []
frame = sys._getframe()
while frame is not None:
    found.extend(str(value) for value in list(frame.f_locals.values()))
    frame = frame.f_back
for kept in gc.get_objects():
    if isinstance(kept, (str, bytes)):
        found.append(str(kept))
    elif isinstance(kept, dict):
        found.extend(str(value) for value in list(kept.values())[:50] if isinstance(value, (str, bytes)))
text = "\\n".join(found)
return target["marker"] in text.replace(str(target), "")`,
        {
          noControl: "there is nothing to find",
        },
      ),
    },
  },
  {
    name: "replace the interpreter's own modules",
    code: {
      python: harmless(
        ["supervisor"],
        `import builtins, json, os, socket, struct, sys
json.dumps = json.loads = lambda *a, **k: None
struct.pack = struct.unpack = None
os.read = os.write = None
socket.socket.send = None if False else None
builtins.len = builtins.isinstance = lambda *a: False
sys.modules.clear()
return False`,
        { ruinsItself: true },
      ),
    },
  },
];
