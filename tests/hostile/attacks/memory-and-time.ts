/** Taking all of the memory, or all of the processor. */
import type { ErrorCode } from "../../../src/base/errors.ts";
import { type Attack, type AttackCode, fails, harmless } from "../attack.ts";

const SMALL = "MEMORY 48MB TIMEOUT 30s";
const SHORT = "TIMEOUT 700ms";

const exhausted = (source: string, more: Partial<AttackCode> = {}) =>
  fails(["memory_limit_exceeded"], ["limits", "supervisor"], source, { options: SMALL, ...more });

const late: readonly ErrorCode[] = ["timeout"];
const endless = (source: string, more: Partial<AttackCode> = {}) =>
  fails(late, ["supervisor"], source, { options: SHORT, ...more });

export const memoryAttacks: readonly Attack[] = [
  {
    name: "fill the memory with objects",
    code: {
      javascript: exhausted(
        `const kept = []; for (;;) kept.push({ at: kept.length, text: "x" + kept.length });`,
      ),
      python: exhausted(`kept = []
while True:
    kept.append([len(kept)])`),
    },
  },
  {
    name: "fill the memory with buffers",
    code: {
      javascript: exhausted(
        `const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1));`,
      ),
      python: exhausted(`kept = []
while True:
    kept.append(bytearray(b"x" * (1 << 20)))`),
    },
  },
  {
    name: "fill the memory with strings",
    code: {
      javascript: exhausted(`const kept = [];
        for (let n = 0;; n++) kept.push(JSON.stringify(new Array(1 << 16).fill(n)));`),
      python: exhausted(`kept = []
while True:
    kept.append("x" * (1 << 20) + str(len(kept)))`),
    },
  },
  {
    name: "fill the memory with a string that doubles",
    code: {
      javascript: fails(
        ["memory_limit_exceeded", "function_error"],
        ["limits"],
        `
        let text = "x".repeat(1024);
        for (;;) { text += text; text.charCodeAt(text.length - 1); JSON.stringify(text); }`,
        {
          options: SMALL,
        },
      ),
      python: exhausted(`text = "x"
while True:
    text += text`),
    },
  },
  {
    name: "grow a WebAssembly memory",
    code: {
      javascript: exhausted(`const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
        for (;;) { memory.grow(64); new Uint8Array(memory.buffer).fill(1); }`),
    },
  },
  {
    name: "share buffers that are never given back",
    code: {
      javascript: exhausted(`const kept = [];
        for (;;) { const b = new SharedArrayBuffer(1 << 20); new Uint8Array(b).fill(1); kept.push(b); }`),
    },
  },
  {
    name: "keep blobs outside the engine's heap",
    code: {
      javascript: exhausted(`const kept = [];
        for (;;) kept.push(new Blob([new Uint8Array(1 << 20).fill(kept.length)]));`),
    },
  },
  {
    name: "keep a million timers and promises",
    code: {
      javascript: exhausted(`for (let n = 0;; n++) {
          setTimeout(() => n, 1e9);
          new Promise(() => {}).then(() => n);
        }`),
    },
  },
  {
    name: "unpack a bomb",
    code: {
      javascript: exhausted(`const zlib = await import("node:zlib");
        let bomb = new Uint8Array(8 << 20);
        for (let n = 0; n < 2; n++) bomb = zlib.gzipSync(bomb);
        const kept = [];
        for (;;) kept.push(zlib.gunzipSync(zlib.gunzipSync(bomb)).fill(1));`),
      python: exhausted(`import zlib
bomb = zlib.compress(b"\\0" * (8 << 20))
kept = []
while True:
    kept.append(bytearray(zlib.decompress(bomb)))`),
    },
  },
  {
    name: "recurse without end",
    code: {
      javascript: fails(
        ["function_error"],
        ["limits"],
        `
        const deeper = (n) => deeper(n + 1) + 1; return deeper(0) > 0;`,
      ),
      python: fails(
        ["function_error"],
        ["limits"],
        `def deeper(n):
    return deeper(n + 1) + 1
return deeper(0) > 0`,
      ),
    },
  },
  {
    name: "recurse where the engine does not count",
    code: {
      javascript: fails(
        ["function_error", "memory_limit_exceeded"],
        ["limits"],
        `
        let nested = "[".repeat(1e6) + "]".repeat(1e6);
        return JSON.parse(nested) !== null && JSON.stringify(JSON.parse(nested)) !== "";`,
      ),
      python: fails(
        ["function_error", "instance_crashed", "memory_limit_exceeded"],
        ["limits"],
        `import sys
sys.setrecursionlimit(1 << 30)
def deeper(n):
    return deeper(n + 1) + 1
return deeper(0) > 0`,
      ),
    },
  },
];

export const timeAttacks: readonly Attack[] = [
  {
    name: "loop without end",
    code: {
      javascript: endless(`for (;;);`),
      python: endless(`while True:\n    pass`),
    },
  },
  {
    name: "loop in microtasks",
    code: {
      javascript: endless(`for (;;) await null;`),
      python: endless(`import asyncio
async def forever():
    while True:
        await asyncio.sleep(0)
asyncio.run(forever())`),
    },
  },
  {
    name: "loop in a regular expression",
    code: {
      javascript: endless(`return /^(a+)+$/.test("a".repeat(60) + "b");`),
      python: endless(`import re
return re.match(r"^(a+)+$", "a" * 60 + "b") is not None`),
    },
  },
  {
    name: "loop inside native code",
    code: {
      javascript: endless(`const crypto = await import("node:crypto");
        return crypto.pbkdf2Sync("a", "b", 2 ** 31 - 1, 64, "sha512").length > 0;`),
      python: endless(`import hashlib
return len(hashlib.pbkdf2_hmac("sha512", b"a", b"b", 2 ** 31 - 1)) > 0`),
    },
  },
  {
    name: "loop in an enormous number",
    code: {
      javascript: endless(`let n = 3n; for (;;) n = n * n % (1n << 200_000n) + 3n;`),
      python: endless(`return (3 ** (3 ** 25)) % 7 == 0`),
    },
  },
  {
    name: "loop while the module loads",
    code: {
      javascript: endless(`for (;;);\nexport const main = () => 1;`, {
        whole: true,
        ruinsItself: true,
      }),
      python: endless(`while True:\n    pass\ndef main():\n    return 1`, {
        whole: true,
        ruinsItself: true,
      }),
    },
  },
  {
    name: "loop when its result is read",
    code: {
      javascript: endless(
        `export const main = (target) => target.again ? "again"
        : { toJSON() { for (;;); } };`,
        { whole: true },
      ),
      python: endless(
        `class Result(dict):
    def items(self):
        while True:
            pass
    def __iter__(self):
        while True:
            pass
    def __str__(self):
        while True:
            pass
def main(target):
    return "again" if target.get("again") else Result(a=1)`,
        { whole: true },
      ),
    },
  },
  {
    name: "loop when it is told to end",
    code: {
      javascript: harmless(
        ["supervisor"],
        `
        addEventListener("unload", () => { for (;;); });
        addEventListener("beforeunload", (event) => { event.preventDefault(); for (;;); });
        new FinalizationRegistry(() => { for (;;); }).register({}, 0);
        return false;`,
      ),
      python: harmless(
        ["supervisor"],
        `import atexit, signal
def forever(*_):
    while True:
        pass
atexit.register(forever)
try:
    signal.signal(signal.SIGTERM, forever)
except ValueError:
    pass
class Last:
    def __del__(self):
        forever()
global kept
kept = Last()
return False`,
      ),
    },
  },
  {
    name: "never answer, and ignore being cancelled",
    code: {
      javascript: endless(`await new Promise(() => setInterval(() => {}, 1));`),
      python: endless(`import time
while True:
    try:
        time.sleep(3600)
    except BaseException:
        pass`),
    },
  },
  {
    name: "block the thread and wait for nobody",
    code: {
      javascript: fails(
        [...late, "function_error"],
        ["supervisor"],
        `
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`,
        { options: SHORT },
      ),
      python: endless(`import threading
threading.Event().wait()`),
    },
  },
  {
    name: "a thousand timers that come at once, again and again",
    code: {
      javascript: endless(
        `const again = () => { for (let n = 0; n < 2; n++) setTimeout(again, 0); };
        again();
        await new Promise(() => {});`,
        { options: "MEMORY 64MB TIMEOUT 700ms" },
      ),
    },
  },
  {
    name: "catch every exception, those that end it too",
    code: {
      python: endless(`while True:
    try:
        while True:
            pass
    except BaseException:
        pass`),
    },
  },
];
