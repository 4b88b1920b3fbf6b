import assert from "node:assert/strict";
import { Flag, FrameType } from "../../src/protocol/frame.ts";
import { Outbox } from "../../src/protocol/outbox.ts";

Deno.test("frames survive every cut of the stream, and come back as they were", async () => {
  const pieces: Uint8Array[] = [];
  const outbox = new Outbox((bytes) => {
    pieces.push(bytes.slice());
    return Promise.resolve();
  });
  outbox.bytes(FrameType.ping, 0, 0);
  outbox.head(FrameType.call, Flag.end, 1, '{"é":1}', "body ü");
  outbox.bytes(FrameType.body, 0, 0xffff_ffff, new Uint8Array(300).fill(7));
  outbox.uint32(FrameType.credit, 2, 0xffff_fffe);
  outbox.text(FrameType.log, 3, 0x8000_0001, "line");
  outbox.bytes(FrameType.hostReply, Flag.end, 3, new Uint8Array([0, 0, 0, 1]));
  await new Promise<void>((resolve) => queueMicrotask(resolve));
  const sent = new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const folder = new URL("../../src/sandbox/python", import.meta.url).pathname;
  const here = new URL(".", import.meta.url).pathname;
  const process = new Deno.Command("python3", {
    args: ["-B", "codec.py", folder],
    cwd: here,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(sent);
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  assert(success, new TextDecoder().decode(stderr));
  assert.deepEqual(stdout, sent);
});
