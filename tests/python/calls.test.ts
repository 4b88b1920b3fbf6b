import assert from "node:assert/strict";
import { Flag, FrameType } from "../../src/protocol/frame.ts";
import { Failure, PythonInstance } from "./python-instance.ts";

const payload = { kind: "payload", shape: "payload" };
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("plain functions wait side by side", async () => {
  await using instance = await PythonInstance.start({
    code: `
import threading
barrier = threading.Barrier(20)
def main(n):
    barrier.wait(10)
    return n
`,
  });
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  assert.deepEqual(await Promise.all(numbers.map((n) => instance.payload(n))), numbers);
});

Deno.test("coroutines wait side by side", async () => {
  await using instance = await PythonInstance.start({
    code: `
import asyncio
waiting = []
async def main(n):
    mine = asyncio.get_running_loop().create_future()
    waiting.append(mine)
    if len(waiting) == 500:
        for each in waiting: each.set_result(None)
    await mine
    return n
`,
  });
  const numbers = Array.from({ length: 500 }, (_, n) => n);
  assert.deepEqual(await Promise.all(numbers.map((n) => instance.payload(n))), numbers);
});

Deno.test("a busy thread keeps neither pings nor other calls waiting", async () => {
  await using instance = await PythonInstance.start({
    code: `
stop = False
def main(what):
    global stop
    if what == "busy":
        while not stop: pass
    elif what == "stop":
        stop = True
    return what
`,
  });
  const busy = instance.payload("busy");
  await instance.begun(1);
  instance.outbox.bytes(FrameType.ping, 0, 0);
  await instance.frame(FrameType.pong, 0);
  assert.equal(await instance.payload("other"), "other");
  await instance.payload("stop");
  assert.equal(await busy, "busy");
});

Deno.test("a busy coroutine answers no ping, which is how a hang is noticed", async () => {
  await using instance = await PythonInstance.start({
    code: `
import time
async def main(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
    return "done"
`,
  });
  await instance.payload(0);
  const busy = instance.payload(0.3);
  await instance.begun(2);
  instance.outbox.bytes(FrameType.ping, 0, 0);
  await busy;
  await instance.frame(FrameType.pong, 0);
  const order = instance.frames.filter(({ type }) =>
    type === FrameType.pong || type === FrameType.reply
  );
  assert.deepEqual(order.map(({ type }) => type), [
    FrameType.reply,
    FrameType.reply,
    FrameType.pong,
  ]);
});

Deno.test("a cancelled coroutine is cancelled, and may clean up", async () => {
  await using instance = await PythonInstance.start({
    code: `
import asyncio
seen = []
async def main(what):
    if what == "ask": return seen
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append(sdk.is_cancelled())
        print("cleaned up")
        raise
`,
  });
  const id = instance.nextId();
  instance.begin(id, payload, bytes('"wait"'), true).catch(() => {});
  await instance.begun(id);
  instance.outbox.bytes(FrameType.cancel, 0, id);
  await instance.frame(FrameType.done, id);
  assert.equal((await instance.logged("cleaned up")).callId, id);
  assert.deepEqual(await instance.payload("ask"), [true]);
  assert(!instance.frames.some(({ type, callId }) => callId === id && type === FrameType.error));
});

Deno.test("a cancelled plain function can ask, and is over when it returns", async () => {
  await using instance = await PythonInstance.start({
    code: `
import time
def main(what):
    while what == "wait" and not sdk.is_cancelled(): time.sleep(0.005)
    return sdk.is_cancelled()
`,
  });
  const id = instance.nextId();
  instance.begin(id, payload, bytes('"wait"'), true).catch(() => {});
  await instance.begun(id);
  instance.outbox.bytes(FrameType.cancel, 0, id);
  await instance.frame(FrameType.done, id);
  assert(!instance.frames.some(({ type, callId }) => callId === id && type === FrameType.reply));
  assert.equal(await instance.payload("ask"), false);
});

for (const style of ["def", "async def"]) {
  Deno.test(`calls that are cancelled before they begin never run: ${style}`, async () => {
    await using instance = await PythonInstance.blank({
      code: `ran = []\n${style} main(what):\n    ran.append(what)\n    return ran`,
    });
    const [first, second, third] = [instance.nextId(), instance.nextId(), instance.nextId()];
    instance.begin(first, payload, bytes('"first"'), true).catch(() => {});
    instance.outbox.bytes(FrameType.cancel, 0, first);
    instance.begin(second, payload, bytes('"sec'), false).catch(() => {});
    instance.assign();
    await instance.ready;
    await instance.frame(FrameType.done, first);
    instance.outbox.bytes(FrameType.cancel, 0, second);
    instance.outbox.bytes(FrameType.body, Flag.end, second, bytes('ond"'));
    await instance.frame(FrameType.done, second);
    const reply = await instance.begin(third, payload, bytes('"third"'), true);
    assert.equal(reply.body, '["third"]');
    assert.equal(instance.started, third);
  });

  Deno.test(`calls that come before the import is over begin after it, in order: ${style}`, async () => {
    await using instance = await PythonInstance.blank({
      // One thread, where threads are used: with several, what begins first need not run first.
      memoryBytes: 1,
      code: `
import time
time.sleep(0.2)
order = []
${style} main(n):
    order.append(n)
    return list(order)
`,
    });
    instance.assign();
    const replies = [1, 2, 3].map((n) => instance.payload(n));
    assert.equal(instance.started, 0);
    const results = await Promise.all(replies);
    assert.deepEqual(results.at(-1), [1, 2, 3]);
    assert.equal(instance.started, 3);
  });

  Deno.test(`a call that has waited long is confirmed before it begins: ${style}`, async () => {
    await using instance = await PythonInstance.start({ code: `${style} main(x): return x` });
    const stale = instance.send({ ...payload, sentAt: Date.now() - 1000 }, "1");
    assert.equal((await stale).body, "1");
    assert(instance.frames.some(({ type, callId }) => type === FrameType.ping && callId === 0));
    // Its cancellation lies behind it in the socket: it must not begin.
    const id = instance.nextId();
    instance.begin(id, { ...payload, sentAt: Date.now() - 1000 }, bytes("2"), true).catch(() => {});
    instance.outbox.bytes(FrameType.cancel, 0, id);
    await instance.frame(FrameType.done, id);
    assert.equal(instance.started, 1);
    assert.equal(await instance.payload(3), 3);
  });

  Deno.test(`the instance's state lives on from call to call: ${style}`, async () => {
    await using instance = await PythonInstance.start({
      code: `count = 0\n${style} main():\n    global count\n    count += 1\n    return count`,
    });
    assert.deepEqual([await instance.payload(0), await instance.payload(0)], [1, 2]);
  });

  Deno.test(`context variables of one call are not another's: ${style}`, async () => {
    await using instance = await PythonInstance.start({
      code: `
import contextvars
var = contextvars.ContextVar("var", default="unset")
${style} main(value):
    before = var.get()
    var.set(value)
    return before
`,
    });
    assert.deepEqual([await instance.payload("a"), await instance.payload("b")], [
      "unset",
      "unset",
    ]);
  });
}

Deno.test("threads that cannot be had make calls wait, not fail", async () => {
  await using instance = await PythonInstance.start({
    code: `
import _thread, threading, time
start = _thread.start_new_thread
def refuse(*_, **__): raise RuntimeError("can't start new thread")
def main(n):
    if n == 0:
        _thread.start_new_thread = threading._start_new_thread = refuse
        threading._start_joinable_thread = refuse
    time.sleep(0.02)
    return n
`,
  });
  assert.equal(await instance.payload(0), 0);
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => instance.payload(n))), [1, 2, 3]);
});

Deno.test("a function of little memory has few threads: their stacks are part of it", async () => {
  await using instance = await PythonInstance.start({
    memoryBytes: 8 << 20,
    code: `
import threading, time
most = running = 0
lock = threading.Lock()
def main(n):
    global most, running
    with lock:
        running += 1
        most = max(most, running)
    time.sleep(0.02)
    with lock: running -= 1
    return most
`,
  });
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  const most = Math.max(...await Promise.all(numbers.map((n) => instance.payload(n))) as number[]);
  assert(most > 1 && most <= 5, `${most}`);
});

Deno.test("deep recursion in C is an exception in every thread, not a crash", async () => {
  await using instance = await PythonInstance.start({
    code: `
import copy, json, pickle, threading
barrier = threading.Barrier(3)
def main(n):
    barrier.wait(10)
    value = []
    for _ in range(100_000): value = [value]
    names = []
    for attempt in (repr, json.dumps, copy.deepcopy, pickle.dumps):
        try: attempt(value)
        except RecursionError: names.append(attempt.__name__)
    return names
`,
  });
  const all = await Promise.all([1, 2, 3].map((n) => instance.payload(n)));
  const names = ["repr", "dumps", "deepcopy", "dumps"];
  assert.deepEqual(all, [names, names, names]);
});

Deno.test("an import can go wrong while calls wait", async () => {
  await using instance = await PythonInstance.blank({ code: "import time\ntime.sleep(0.1)\n1/0" });
  instance.assign();
  const call = instance.payload(1);
  call.catch(() => {});
  const failure = await instance.ready.catch((error) => error);
  assert(failure instanceof Failure);
  assert.equal(failure.error.name, "ZeroDivisionError");
});

Deno.test("bytes that are no frames end the instance", async () => {
  await using instance = await PythonInstance.start({ code: "def main(): pass" });
  instance.garbage();
  assert.equal(await instance.exited, 1);
  assert.match(await instance.stderr, /^ProtocolLimit: /);
});

const leaving: [style: string, leave: string][] = [
  ["def", "sdk.wait_until(later)"],
  ["async def", "sdk.waitUntil(later_async())"],
];

for (const [style, leave] of leaving) {
  Deno.test(`work may go on after the response: ${style}`, async () => {
    await using instance = await PythonInstance.start({
      code: `
import asyncio, threading
answered = threading.Event()
done = []
def later():
    answered.wait(10)
    print("later")
    done.append(1)
async def later_async():
    while not answered.is_set(): await asyncio.sleep(0.005)
    print("later")
    done.append(1)
${style} main(what):
    if what == "leave":
        ${leave}
        return "left"
    if what == "answered": answered.set()
    return done
`,
    });
    const id = instance.nextId();
    const reply = await instance.begin(id, payload, bytes('"leave"'), true);
    assert.equal(reply.body, '"left"');
    const frame = instance.frames.find(({ type, callId }) =>
      type === FrameType.reply && callId === id
    );
    assert.equal(frame?.flags, Flag.end | Flag.background);
    assert.deepEqual(await instance.payload("ask"), []);
    await instance.payload("answered");
    await instance.frame(FrameType.done, id);
    assert.equal((await instance.logged("later")).callId, id);
    assert.deepEqual(await instance.payload("ask"), [1]);
  });
}

Deno.test("work after the response that fails is logged with its call", async () => {
  const cases = [
    "def main():\n    sdk.wait_until(lambda: 1 / 0)",
    "async def fail(): 1 / 0\nasync def main():\n    sdk.wait_until(fail())",
    "async def fail(): 1 / 0\ndef main():\n    sdk.wait_until(fail())",
  ];
  for (const code of cases) {
    await using instance = await PythonInstance.start({ code });
    await instance.payload(null);
    await instance.frame(FrameType.done, 1);
    const line = await instance.logged("wait_until failed: Traceback");
    assert.deepEqual([line.callId, line.level], [1, "error"]);
    assert.match(line.text, /ZeroDivisionError/);
  }
});
