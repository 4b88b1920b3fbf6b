import assert from "node:assert/strict";
import {
  Child,
  cpuSecondsOfTree,
  descendants,
  memoryOf,
  parseCpuSeconds,
  parseMemory,
  programBelow,
} from "./process.ts";

Deno.test("a rollup is read in megabytes", () => {
  const rollup = [
    "55d0-7ffc ---p 00000000 00:00 0      [rollup]",
    "Rss:               20480 kB",
    "Pss:               10240 kB",
    "Pss_Dirty:          1024 kB",
    "Private_Clean:      2048 kB",
    "Private_Dirty:      4096 kB",
  ].join("\n");
  assert.deepEqual(parseMemory(rollup), { pssMb: 10, privateMb: 6 });
  assert.throws(() => parseMemory("Rss: 1 kB"), /no Pss/);
});

Deno.test("processor time is read behind whatever name a program has", () => {
  const stat = "42 (a b) c) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 1 0 12345 0";
  assert.equal(parseCpuSeconds(stat), 1.75);
});

Deno.test("processor time of a tree includes the children", async () => {
  await using child = new Child({
    command: "sh",
    args: ["-c", "(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 60) & wait"],
  });
  await child.line(/done\n/);
  assert.ok(await cpuSecondsOfTree(child.pid) > 0);
  for (const pid of await descendants(child.pid)) Deno.kill(pid, "SIGKILL");
});

Deno.test("a child is found by its line, measured, and gone after its scope", async () => {
  let pid = 0;
  {
    await using child = new Child({
      command: "sh",
      args: ["-c", "sleep 60 & echo port 123; wait"],
    });
    pid = child.pid;
    assert.equal((await child.line(/port (\d+)\n/))[1], "123");
    assert.ok((await memoryOf(pid)).pssMb > 0);
    const below = await descendants(pid);
    assert.equal(below.length, 1);
    assert.deepEqual(await programBelow(pid, "no such program"), []);
    Deno.kill(below[0]!, "SIGKILL");
  }
  await assert.rejects(memoryOf(pid), Deno.errors.NotFound);
});

Deno.test("a child that ends without the awaited line is an error", async () => {
  await using child = new Child({ command: "sh", args: ["-c", "echo no"] });
  await assert.rejects(child.line(/yes/), /ended before it said/);
});
