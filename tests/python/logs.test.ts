import assert from "node:assert/strict";
import { FrameType } from "../../src/protocol/frame.ts";
import { PythonInstance } from "./python-instance.ts";

Deno.test("print, logging, warnings and standard error have their levels", async () => {
  await using instance = await PythonInstance.start({
    code: `
import logging, sys, warnings
log = logging.getLogger(__name__)
other = logging.getLogger("other.part")
def main():
    print("printed", 1, {"a": 2})
    print("two\\nlines")
    print("partial", end="")
    print(" line")
    sys.stderr.write("wrong\\n")
    logging.debug("hidden")
    logging.info("informed")
    log.warning("warned %d", 5)
    other.error("erred")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("caught")
    warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
    sys.stdout.buffer.write("bytes é\\n".encode())
    print("unfinished", end="")
`,
  });
  await instance.payload(null);
  await instance.logged("unfinished");
  const lines = instance.logs.map(({ level, text }) => [level, text.split("\n")[0]]);
  assert.deepEqual(lines.filter(([, text]) => !text?.includes("deprecated")), [
    ["info", "printed 1 {'a': 2}"],
    ["info", "two"],
    ["info", "partial line"],
    ["error", "wrong"],
    ["info", "informed"],
    ["warn", "warned 5"],
    ["error", "other.part: erred"],
    ["error", "caught"],
    ["info", "bytes é"],
    ["info", "unfinished"],
  ]);
  assert(instance.logs.every(({ callId }) => callId === 1));
  assert.equal(instance.logs[1]?.text, "two\nlines");
  assert.match(
    instance.logs[7]?.text ?? "",
    /caught\nTraceback[^]*probe\.py", line 16[^]*ZeroDivisionError/,
  );
});

Deno.test("warnings are log lines at their level", async () => {
  await using instance = await PythonInstance.start({
    code: "import warnings\ndef main(): warnings.warn('old')",
  });
  await instance.payload(null);
  const line = await instance.logged("old");
  assert.equal(line.level, "warn");
  assert.match(line.text, /^probe\.py:2: UserWarning: old/);
});

Deno.test("a function configures logging as anywhere", async () => {
  await using instance = await PythonInstance.start({
    code: `
import logging
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s|%(message)s")
def main():
    logging.debug("fine")
    logging.critical("bad")
`,
  });
  await instance.payload(null);
  await instance.logged("bad");
  assert.deepEqual(instance.logs.map(({ level, text }) => [level, text]), [
    ["debug", "DEBUG|fine"],
    ["error", "CRITICAL|bad"],
  ]);
});

Deno.test("lines belong to the call that wrote them, in threads and tasks too", async () => {
  await using sync = await PythonInstance.start({
    code: `
import threading
from concurrent.futures import ThreadPoolExecutor
print("importing")
pool = ThreadPoolExecutor(1)
barrier = threading.Barrier(2)
def main(name):
    print(name, "begins", end="")
    barrier.wait(5)
    print(" and ends")
    thread = threading.Thread(target=print, args=(name, "thread"))
    thread.start()
    thread.join()
    pool.submit(print, name, "pool").result()
`,
  });
  await using async = await PythonInstance.start({
    code: `
import asyncio
count = 0
async def main(name):
    print(name, "begins", end="")
    await asyncio.sleep(0.02)
    print(" and ends")
    await asyncio.gather(asyncio.to_thread(print, name, "thread") if hasattr(asyncio, "to_thread") else asyncio.sleep(0))
    asyncio.get_running_loop().call_soon(print, name, "pool")
    await asyncio.sleep(0.01)
`,
  });
  for (const instance of [sync, async]) {
    await Promise.all([instance.payload("one"), instance.payload("two")]);
    const of = (callId: number) => instance.logs.filter((line) => line.callId === callId);
    for (const [index, name] of ["one", "two"].entries()) {
      await instance.logged(`${name} pool`);
      const texts = of(index + 1).map(({ text }) => text);
      assert.deepEqual(texts, [`${name} begins and ends`, `${name} thread`, `${name} pool`]);
    }
  }
  assert.deepEqual(sync.logs[0], { callId: 0, level: "info", text: "importing" });
});

Deno.test("what escapes a thread is logged with its call", async () => {
  await using instance = await PythonInstance.start({
    code: `
import threading
def fail(): raise ValueError("in thread")
def main():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
`,
  });
  await instance.payload(null);
  const line = await instance.logged("in thread");
  assert.deepEqual([line.level, line.callId], ["error", 1]);
  assert.match(line.text, /probe\.py", line 3, in fail/);
});

Deno.test("a flood is cut, counted, and blocks nobody", async () => {
  await using instance = await PythonInstance.start({
    logBacklogBytes: 64 * 1024,
    code: `
def main(n):
    for i in range(n): print("x" * 1000)
    return n
`,
  });
  instance.pause();
  const flood = instance.payload(20_000);
  const later = instance.payload(0);
  // It ends although nobody reads: were it blocked by its log it never would.
  await instance.begun(2);
  await instance.cpuRests();
  instance.resume();
  assert.equal(await flood, 20_000);
  assert.equal(await later, 0);
  await instance.payload(1);
  const notes = instance.logs.filter(({ text }) => text.includes("log lines were dropped"));
  assert(notes.length > 0 && notes.every(({ level }) => level === "warn"));
  const dropped = notes.reduce((sum, { text }) => sum + Number.parseInt(text), 0);
  const kept = instance.logs.filter(({ text }) => text.startsWith("xxx")).length;
  assert(dropped > 10_000, `${dropped} of 20,001 were dropped`);
  assert.equal(kept + dropped, 20_001);
});

Deno.test("a long line is cut and odd characters do no harm", async () => {
  await using instance = await PythonInstance.start({
    code: `
def main():
    print("y" * 2_000_000)
    print("\\ud800 broken")
    print("", end="")
    print()
`,
  });
  await instance.payload(null);
  assert.match((await instance.logged("yyy")).text, /^y{65536}… \(2000000 characters\)$/);
  assert.equal((await instance.logged("broken")).text, "\\ud800 broken");
  const frames = instance.frames.filter(({ type }) => type === FrameType.log);
  assert.equal(frames.length, 3);
});
