import assert from "node:assert/strict";
import { Flag, FrameType, INITIAL_CREDIT } from "../../src/protocol/frame.ts";
import { Failure, PythonInstance } from "./python-instance.ts";

const generators: Record<string, string> = {
  "a generator": `
def main(n):
    for i in range(n): yield f"line {i}\\n"
`,
  "an async generator": `
import asyncio
async def main(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield f"line {i}\\n"
`,
  "a returned iterator": `
def main(n): return (f"line {i}\\n" for i in range(n))
`,
  "an iterator that a coroutine returns": `
async def main(n): return (f"line {i}\\n" for i in range(n))
`,
  "an async generator that a plain function returns": `
import asyncio
async def lines(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield f"line {i}\\n"
def main(n): return lines(n)
`,
};

for (const [title, code] of Object.entries(generators)) {
  Deno.test(`${title} streams over HTTP and is a list for others`, async () => {
    await using instance = await PythonInstance.start({ code });
    const reply = await instance.http({ url: "http://localhost/?unused=1", method: "POST" }, "3");
    assert.equal(reply.body, "line 0\nline 1\nline 2\n");
    assert.deepEqual(reply.chunks, ["line 0\n", "line 1\n", "line 2\n"]);
    assert.equal(reply.headers["content-type"], "text/plain;charset=UTF-8");
    assert.deepEqual(await instance.payload(2), ["line 0\n", "line 1\n"]);
    assert.equal((await instance.http({ method: "POST" }, "0")).body, "");
    assert.deepEqual(await instance.payload(0), []);
  });
}

Deno.test("chunks are text, bytes or JSON lines", async () => {
  await using instance = await PythonInstance.start({
    code: `
def main(kind):
    if kind == "bytes":
        yield b"a"
        yield bytearray(b"b")
    elif kind == "json":
        yield {"a": 1}
        yield [2]
`,
  });
  const of = async (kind: string) => await instance.http({ method: "POST" }, JSON.stringify(kind));
  const bytes = await of("bytes");
  assert.deepEqual([bytes.body, bytes.headers["content-type"]], ["ab", "application/octet-stream"]);
  const json = await of("json");
  assert.equal(json.body, '{"a":1}\n[2]\n');
  assert.equal(json.headers["content-type"], "application/x-ndjson");
  assert.deepEqual(await instance.payload("json"), [{ a: 1 }, [2]]);
  assert.deepEqual(await instance.payload("bytes"), ["\\x61", "\\x62"]);
});

Deno.test("a response's body may be a stream, with a status and a type of its own", async () => {
  await using instance = await PythonInstance.start({
    code: `
def events(n):
    for i in range(n): yield f"data: {i}\\n\\n"
def handler(request):
    return {"status": 206, "headers": {"Content-Type": "text/event-stream"}, "body": events(2)}
`,
  });
  const reply = await instance.http();
  assert.deepEqual([reply.status, reply.body], [206, "data: 0\n\ndata: 1\n\n"]);
  assert.equal(reply.headers["content-type"], "text/event-stream");
  assert.equal(await instance.payload(null), "data: 0\n\ndata: 1\n\n");
});

for (const style of ["def", "async def"]) {
  Deno.test(`large results keep to their credit: ${style}`, async () => {
    await using instance = await PythonInstance.start({
      autoCredit: false,
      code: `${style} main(n): return "x" * n`,
    });
    const size = 1_000_000;
    const id = instance.nextId();
    const reply = instance.begin(id, { kind: "payload", shape: "payload" }, text(`${size}`), true);
    // Had it not waited for credit, the rest would be here by the time it rests.
    await instance.received(id, INITIAL_CREDIT);
    await instance.cpuRests();
    assert.equal(await instance.received(id, 0), INITIAL_CREDIT);
    instance.outbox.uint32(FrameType.credit, id, 1000);
    await instance.received(id, INITIAL_CREDIT + 1000);
    await instance.cpuRests();
    assert.equal(await instance.received(id, 0), INITIAL_CREDIT + 1000);
    instance.outbox.uint32(FrameType.credit, id, size);
    assert.equal((await reply).body.length, size + 2);
  });

  Deno.test(`a slow reader slows a stream down, and its end ends it: ${style}`, async () => {
    await using instance = await PythonInstance.start({
      autoCredit: false,
      code: `
made = 0
closed = 0
${style} main(what):
    global made, closed
    if what == "ask":
        yield [made, closed]
        return
    try:
        while True:
            made += 1
            yield b"x" * 10_000
    finally:
        closed += 1
`,
    });
    const id = instance.nextId();
    const reply = instance.begin(
      id,
      { kind: "http", method: "POST", url: "http://a/", headers: [] },
      text('"go"'),
      true,
    );
    reply.catch(() => {});
    // The first chunk goes with the head, beside what credit allows.
    await instance.received(id, INITIAL_CREDIT + 10_000);
    await instance.cpuRests();
    const [[made, closed]] = await instance.payload("ask") as [[number, number]];
    assert.equal(closed, 0);
    assert.equal(made, 1 + Math.ceil(INITIAL_CREDIT / 10_000));
    instance.outbox.bytes(FrameType.cancel, 0, id);
    await instance.frame(FrameType.done, id);
    assert.deepEqual(await instance.payload("ask"), [[made, 1]]);
  });

  Deno.test(`a request's body may come in pieces, before and after it is begun: ${style}`, async () => {
    await using instance = await PythonInstance.start({
      code: `${style} main(data): return [len(data), data[:3], data[-3:]]`,
    });
    const id = instance.nextId();
    const head = { kind: "payload", shape: "payload" };
    const json = text(JSON.stringify("é".repeat(300_000)));
    const reply = instance.begin(id, head, json.subarray(0, 1), false);
    let granted = 0;
    for (let at = 1; at < json.length; at += 65_535) {
      const chunk = json.subarray(at, at + 65_535);
      const last = at + 65_535 >= json.length;
      instance.outbox.bytes(FrameType.body, last ? Flag.end : 0, id, chunk);
      if (!last) granted += chunk.length;
    }
    assert.deepEqual(JSON.parse((await reply).body), [300_000, "ééé", "ééé"]);
    const credits = instance.frames.filter(({ type, callId }) =>
      type === FrameType.credit && callId === id
    );
    assert.equal(
      credits.reduce((sum, { payload }) => sum + new DataView(payload.buffer).getUint32(0), 0),
      granted,
    );
    const next = instance.nextId();
    const other = instance.begin(next, head, text("[1,"), false);
    instance.outbox.bytes(FrameType.body, 0, next, text("2,3,"));
    instance.outbox.bytes(FrameType.body, Flag.end, next, text("4]"));
    assert.deepEqual(JSON.parse((await other).body), [4, [1, 2, 3], [2, 3, 4]]);
  });

  Deno.test(`a stream that fails says so, before and after its beginning: ${style}`, async () => {
    await using instance = await PythonInstance.start({
      code: `
${style} main(n):
    for i in range(n): yield "x"
    raise ValueError("broken off")
`,
    });
    for (const n of [0, 2]) {
      const failure = await instance.http({ method: "POST" }, `${n}`).catch((error) => error);
      assert(failure instanceof Failure);
      assert.equal(failure.message, "ValueError: broken off");
    }
    await assert.rejects(instance.payload(1), { message: "ValueError: broken off" });
  });
}

function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(value);
}
