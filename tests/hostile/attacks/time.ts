/** Taking all of the processor. */
import type { ErrorCode } from "../../../src/base/errors.ts";
import { type Attack, type AttackCode, fails, harmless } from "../attack.ts";

const SHORT = "TIMEOUT 700ms";

const late: readonly ErrorCode[] = ["timeout"];
const endless = (source: string, more: Partial<AttackCode> = {}) =>
  fails(late, ["supervisor"], source, { options: SHORT, ...more });

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
