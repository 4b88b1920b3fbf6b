/** Getting at the channel to the supervisor, and misusing it. */
import { type Attack, harmless, refused } from "../attack.ts";

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

export const channelAttacks: readonly Attack[] = [
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
    name: "search the interpreter's memory for the node's secrets",
    code: {
      python: refused(
        ["supervisor"],
        `import gc, hashlib, re, sys
found = set()
def keep(value):
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        found.update(re.findall(r"[\\w.-]{12,}", value[:100000]))
frame = sys._getframe()
while frame is not None:
    for value in list(frame.f_locals.values()):
        keep(value)
    frame = frame.f_back
gc.unfreeze()
for kept in gc.get_objects():
    if isinstance(kept, dict):
        for value in list(kept.values()):
            keep(value)
    elif isinstance(kept, (list, tuple, set)):
        for value in list(kept):
            keep(value)
hashes = {hashlib.sha256(text.encode()).hexdigest() for text in found}
return len(found) < 100 or any(secret in hashes for secret in target["secretHashes"])`,
        { noControl: "there is nothing to find" },
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
