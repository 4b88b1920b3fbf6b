/** An instance that says whatever it likes on its channel hurts itself only. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { FrameType, HEADER_BYTES } from "../../src/protocol/frame.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { Outbox } from "../../src/protocol/outbox.ts";
import type { Launcher } from "../../src/runtime/launcher.ts";
import { startRig, test, version } from "../runtime/rig.ts";

type Answer = (outbox: Outbox, callId: number, send: (bytes: Uint8Array) => void) => void;

/** A process that only lives, and a peer on its socket that answers calls as the test wants. */
function hostileLauncher(answer: Answer): Launcher {
  return {
    launch: ({ directory }) => {
      const child = new Deno.Command("sleep", {
        args: ["1000"],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      const connected = Deno.connect({ transport: "unix", path: `${directory}/socket` });
      const peer = connected.then((connection) => speak(connection, answer));
      // As the kernel closes a dead process's socket.
      child.status.then(() => connected).then(close);
      return Promise.resolve({
        pid: child.pid,
        uid: null,
        limitMemory: () => {},
        exited: Promise.all([child.status, peer]).then(([{ code, signal }]) => ({
          code,
          signal,
          lastWords: "",
        })),
        kill: () => {
          try {
            child.kill("SIGKILL");
          } catch { /* gone already */ }
        },
      });
    },
  };
}

async function speak(connection: Deno.UnixConn, answer: Answer): Promise<void> {
  const send = (bytes: Uint8Array) => void connection.write(bytes).catch(() => {});
  const outbox = new Outbox(async (bytes) => {
    for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
  });
  const decoder = new FrameDecoder(({ type, callId }) => {
    if (type === FrameType.assign) outbox.bytes(FrameType.ready, 0, 0);
    if (type === FrameType.ping) outbox.bytes(FrameType.pong, 0, callId);
    if (type === FrameType.call) answer(outbox, callId, send);
  });
  const buffer = new Uint8Array(65_536);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      decoder.push(buffer.subarray(0, count));
    }
  } catch { /* the supervisor hung up */ }
  close(connection);
}

function close(connection: Deno.UnixConn): void {
  try {
    connection.close();
  } catch { /* closed already */ }
}

const fn = version(`never read`);
const head = '{"status":200,"headers":[]}';

const broken: Readonly<Record<string, Answer>> = {
  "random bytes": (_outbox, _id, send) =>
    send(crypto.getRandomValues(new Uint8Array(5000)).fill(255, 0, 4)),
  "a frame of four gigabytes": (_outbox, _id, send) =>
    send(new Uint8Array([255, 255, 255, 255, FrameType.reply, 1, 0, 0, 0, 1])),
  "an unknown frame type": (_outbox, _id, send) =>
    send(new Uint8Array(HEADER_BYTES).fill(99, 4, 5)),
  "a head longer than its frame": (outbox, id) =>
    outbox.bytes(FrameType.reply, 1, id, new Uint8Array([0, 0, 1, 0, 123])),
  "a head that is no JSON": (outbox, id) => outbox.head(FrameType.reply, 1, id, "{", null),
  "a header that would split the response": (outbox, id) =>
    outbox.head(FrameType.reply, 1, id, '{"status":200,"headers":["a","b\\r\\nc: d"]}', null),
  "an impossible status": (outbox, id) =>
    outbox.head(FrameType.reply, 1, id, '{"status":99,"headers":[]}', null),
  "an error that is none": (outbox, id) => outbox.text(FrameType.error, 0, id, "[]"),
  "a body before its head": (outbox, id) => {
    outbox.bytes(FrameType.body, 0, id, new Uint8Array(10));
    outbox.bytes(FrameType.credit, 0, id, new Uint8Array(3));
  },
  "a wrong credit": (outbox, id) => outbox.bytes(FrameType.credit, 0, id, new Uint8Array(3)),
  "a body without credit": (outbox, id) => {
    outbox.head(FrameType.reply, 0, id, "", "[");
    for (let i = 0; i < 2000; i++) outbox.bytes(FrameType.body, 0, id, new Uint8Array(65_536));
  },
};

for (const [what, answer] of Object.entries(broken)) {
  test(`${what} ends the instance and fails its call`, async () => {
    await using rig = await startRig({ launcher: hostileLauncher(answer) });
    const call = what === "a body without credit"
      ? rig.payload(fn)
      : rig.http(fn).then((reply) => new Response(reply.body as BodyInit).text());
    await rejects(call, (error: { code: string }) => {
      ok(
        ["instance_crashed", "limit_exceeded", "response_too_large"].includes(error.code),
        error.code,
      );
      return true;
    });
  });
}

test("frames about calls that are over, or never were, mean nothing", async () => {
  const launcher = hostileLauncher((outbox, id) => {
    for (const other of [0, id + 1_000_000, 4_000_000_000]) {
      outbox.head(FrameType.reply, 1, other, head, "forged");
      outbox.bytes(FrameType.body, 1, other, new Uint8Array(10));
      outbox.text(FrameType.error, 0, other || 7_000_000, '{"name":"A","message":"b"}');
      outbox.bytes(FrameType.done, 0, other);
      outbox.uint32(FrameType.credit, other, 1e9);
      outbox.bytes(FrameType.socketText, 0, other, new Uint8Array(3));
    }
    outbox.bytes(FrameType.assign, 0, 0, new Uint8Array(3));
    outbox.bytes(FrameType.ready, 0, 0);
    outbox.head(FrameType.reply, 1, id, "", '"mine"');
    outbox.head(FrameType.reply, 1, id, "", '"again"');
    outbox.text(FrameType.error, 0, id, '{"name":"A","message":"late"}');
    outbox.bytes(FrameType.done, 0, id);
  });
  await using rig = await startRig({ launcher });
  for (let i = 0; i < 20; i++) strictEqual(await rig.payload(fn), "mine");
  const replies = Array.from({ length: 20 }, () => rig.payload(fn));
  deepStrictEqual(new Set(await Promise.all(replies)), new Set(["mine"]));
  strictEqual(rig.finished.every(({ status }) => status === "succeeded"), true);
});

test("a log line under a forged call id stays the function's own, without an execution", async () => {
  const launcher = hostileLauncher((outbox, id) => {
    outbox.text(FrameType.log, 255, 123_456, "forged");
    outbox.text(FrameType.log, 1, id, "\ud800 lone surrogate \0");
    outbox.head(FrameType.reply, 1, id, "", "1");
  });
  await using rig = await startRig({ launcher });
  await rig.payload(fn, null, { executionId: "real" });
  deepStrictEqual(rig.logs.map(({ executionId, functionId }) => [executionId, functionId]), [
    [null, "hello"],
    ["real", "hello"],
  ]);
});

test("a process that never connects is given up, and callers are told", async () => {
  const launcher: Launcher = {
    launch: () => {
      const child = new Deno.Command("false", { stdout: "null", stderr: "null" }).spawn();
      return Promise.resolve({
        pid: child.pid,
        uid: null,
        limitMemory: () => {},
        exited: child.status.then(({ code, signal }) => ({ code, signal, lastWords: "broken" })),
        kill: () => {},
      });
    },
  };
  await using rig = await startRig({ launcher });
  await rejects(rig.payload(fn), { code: "unavailable", status: 503 });
  ok(rig.warnings.some((warning) => warning.includes("ended at its start")));
});
