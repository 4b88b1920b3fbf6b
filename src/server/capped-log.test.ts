import assert from "node:assert/strict";
import { join } from "node:path";
import { openCappedLog } from "./capped-log.ts";

Deno.test("lines come out whole however they are cut, and the file keeps to its cap", async () => {
  const directory = await Deno.makeTempDir({ prefix: "orla-log-" });
  try {
    const path = join(directory, "postgres.log");
    await using log = await openCappedLog(path, 100);
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index} äöü`);
    const bytes = new TextEncoder().encode(lines.join("\n"));
    const seen: string[] = [];
    const chunks = Array.from(
      { length: Math.ceil(bytes.length / 7) },
      (_, index) => bytes.slice(index * 7, index * 7 + 7),
    );
    await log.drain(ReadableStream.from(chunks), (line) => seen.push(line));
    assert.deepEqual(seen, lines);
    const [now, before] = await Promise.all([Deno.stat(path), Deno.stat(`${path}.1`)]);
    assert.ok(now.size <= 100 && before.size <= 100);
    assert.equal((now.mode ?? 0) & 0o777, 0o600);
    const names = Array.from(Deno.readDirSync(directory), ({ name }) => name);
    assert.deepEqual(names.sort(), ["postgres.log", "postgres.log.1"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
