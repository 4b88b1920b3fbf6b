/** One suite for every object store. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { OrlaError } from "../base/errors.ts";
import { DiskStore } from "./disk-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { S3Store } from "./s3-store.ts";
import { startTestS3 } from "./test-s3.ts";

type Step = (name: string, work: () => Promise<void>) => Promise<unknown>;

const bytes = (text: string) => new TextEncoder().encode(text);
const streamOf = (...chunks: Uint8Array[]) => ReadableStream.from(chunks);

async function textOf(stream: ReadableStream<Uint8Array> | null): Promise<string | null> {
  return stream === null ? null : await new Response(stream).text();
}

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found.sort();
}

async function digest(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await new Response(stream).bytes()))
    .toHex();
}

async function conform(store: ObjectStore, step: Step): Promise<void> {
  await step("keeps what is put", async () => {
    assert.equal(await store.get("a/nothing"), null);
    assert.equal(await store.size("a/nothing"), null);
    await store.put("a/one", streamOf(bytes("on"), bytes(""), bytes("e")));
    assert.equal(await textOf(await store.get("a/one")), "one");
    assert.equal(await store.size("a/one"), 3);
    await store.put("a/one", streamOf(bytes("again")));
    assert.equal(await textOf(await store.get("a/one")), "again");
  });

  await step("keeps what is empty", async () => {
    await store.put("a/empty", streamOf());
    assert.equal(await textOf(await store.get("a/empty")), "");
    assert.equal(await store.size("a/empty"), 0);
  });

  await step("gives ranges, both ends included", async () => {
    await store.put("a/range", streamOf(bytes("0123456789")));
    for (
      const [start, end, text] of [[0, 1, "01"], [3, 5, "345"], [9, 9, "9"], [0, 9, "0123456789"]]
    ) {
      const range = { start: Number(start), end: Number(end) };
      assert.equal(await textOf(await store.get("a/range", range)), text);
    }
  });

  await step("deletes, also what is not there", async () => {
    await store.put("a/gone", streamOf(bytes("x")));
    await store.delete("a/gone");
    assert.equal(await store.get("a/gone"), null);
    await store.delete("a/gone");
  });

  await step("lists by prefix, with sizes and times", async () => {
    await store.put("list/b", streamOf(bytes("bb")));
    await store.put("list/a", streamOf(bytes("a")));
    await store.put("other/c", streamOf(bytes("c")));
    assert.deepEqual(await keysOf(store, "list/"), ["list/a", "list/b"]);
    assert.deepEqual(await keysOf(store, "nowhere/"), []);
    for await (const { key, size, modifiedAt } of store.list("list/")) {
      assert.equal(size, key === "list/a" ? 1 : 2);
      assert.ok(Math.abs(modifiedAt.getTime() - Date.now()) < 60_000);
    }
  });

  for (const length of [3, 20 * 2 ** 20]) {
    await step(`a stream that fails after ${length} bytes leaves nothing`, async () => {
      const reason = new OrlaError("payload_too_large", "too much");
      const chunk = new Uint8Array(Math.min(length, 2 ** 16));
      let left = length;
      const failing = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left <= 0) return controller.error(reason);
          left -= chunk.length;
          controller.enqueue(chunk);
        },
      });
      await assert.rejects(store.put("fails/a", failing), reason);
      assert.equal(await store.get("fails/a"), null);
      assert.deepEqual(await keysOf(store, "fails/"), []);
    });
  }

  await step("keeps large ones, whatever pieces they come in", async () => {
    const data = new Uint8Array(21 * 2 ** 20 + 17);
    for (let at = 0; at < data.length; at += 65_536) {
      crypto.getRandomValues(data.subarray(at, at + 65_536));
    }
    function* pieces() {
      for (let at = 0, size = 1; at < data.length; at += size, size = size * 3 % 1_000_003) {
        yield data.subarray(at, at + size);
      }
    }
    await store.put("a/large", ReadableStream.from(pieces()));
    const stored = await store.get("a/large");
    assert.ok(stored);
    assert.equal(await digest(stored), await digest(streamOf(data)));
    const range = await store.get("a/large", { start: 8 * 2 ** 20 - 1, end: 8 * 2 ** 20 });
    assert.ok(range);
    assert.deepEqual(
      await new Response(range).bytes(),
      data.subarray(8 * 2 ** 20 - 1, 8 * 2 ** 20 + 1),
    );
  });

  await step("a reader that goes away leaves nothing open", async () => {
    const stored = await store.get("a/large");
    const reader = stored?.getReader();
    await reader?.read();
    await reader?.cancel();
  });

  await step("refuses keys that are none", async () => {
    const keys = [
      "",
      "/",
      "/etc/passwd",
      "a/../b",
      "..",
      "a/..",
      "a//b",
      "a/",
      "a\0",
      "a/.b",
      "a\\b",
    ]
      .concat("a b", "é", "a/%2e%2e/b", `a/${"x".repeat(300)}`);
    for (const key of keys) {
      const refused = { name: "OrlaError", code: "invalid_request" };
      await assert.rejects(store.put(key, streamOf(bytes("x"))), refused, key);
      await assert.rejects(store.get(key), refused, key);
      await assert.rejects(store.size(key), refused, key);
      await assert.rejects(store.delete(key), refused, key);
    }
  });
}

Deno.test("on disk", async (test) => {
  const directory = await Deno.makeTempDir();
  try {
    await using store = await DiskStore.open(directory);
    await conform(store, (name, work) => test.step(name, work));
    await test.step("nothing is left of what failed; old leftovers are removed", async () => {
      const incoming = join(directory, "incoming");
      assert.deepEqual([...Deno.readDirSync(incoming)], []);
      await Deno.writeTextFile(join(incoming, "old"), "");
      await Deno.writeTextFile(join(incoming, "new"), "");
      await Deno.utime(join(incoming, "old"), 0, 0);
      await DiskStore.open(directory);
      assert.deepEqual([...Deno.readDirSync(incoming)].map(({ name }) => name), ["new"]);
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("in S3", async (test) => {
  await using server = await startTestS3();
  await using store = new S3Store({ ...server.options, prefix: "orla/" });
  await conform(store, (name, work) => test.step(name, work));
  await test.step("a store that is away is unavailable", async () => {
    await using away = new S3Store({
      ...server.options,
      endpoint: "http://127.0.0.1:9/bucket",
      prefix: "",
    });
    await assert.rejects(away.get("a/one"), { code: "unavailable" });
  });
  await test.step("a wrong key is refused by the store", async () => {
    await using stranger = new S3Store({
      ...server.options,
      secretAccessKey: "wrong",
      prefix: "orla/",
    });
    await assert.rejects(stranger.get("a/one"), { code: "unavailable" });
  });
});
