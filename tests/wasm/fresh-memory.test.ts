/** Calls that get memory of their own: it is as good as new, and V8 never runs out of it. */
import { deepStrictEqual, ok } from "node:assert/strict";
import type { FunctionVersion } from "../../src/functions/function.ts";
import { type Rig, startRig, test } from "../runtime/rig.ts";
import { fixture, parametersOf, wasmVersion } from "./wasm-rig.ts";

/**
 * Prints how many pages it begins with and the byte at the end of them, as one letter each; grows by
 * some, and writes to both ends of what it then has.
 */
const growing = (memory: string, pages: number) =>
  `(module
    (import "wasi_snapshot_preview1" "fd_write"
      (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") ${memory})
    (data (i32.const 8) "\\10\\00\\00\\00\\02\\00\\00\\00")
    (func $last (result i32) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))
    (func (export "_start")
      (i32.store8 (i32.const 16) (i32.add (i32.const 65) (memory.size)))
      (i32.store8 (i32.const 17) (i32.add (i32.const 65) (i32.load8_u (call $last))))
      (i32.store8 (call $last) (i32.const 1))
      (if (i32.eq (memory.grow (i32.const ${pages})) (i32.const -1)) (then unreachable))
      (i32.store8 (call $last) (i32.const 1))
      (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 32)))))`;

/** Adds one to a place in its memory, answers it, and traps at 3. */
const COUNTING = `(module
  (memory 17)
  (func (export "main") (param $stop i32) (result i32)
    (i32.store (i32.const 9999) (i32.add (i32.const 1) (i32.load (i32.const 9999))))
    (if (i32.ge_s (i32.load (i32.const 9999)) (local.get $stop)) (then unreachable))
    (i32.load (i32.const 9999))))`;

const CONNECTIONS = 32;

const counting = { parameters: parametersOf("n integer"), returns: "integer" } as const;

test("a program finds its memory as it declares it, whatever the call before did", async () => {
  await using rig = await startRig();
  const calls = async (code: string) => {
    const fn = await wasmVersion(code, { returns: "text" });
    const answers: unknown[] = [];
    for (let n = 0; n < 4; n++) answers.push(await rig.payload(fn));
    return answers;
  };
  deepStrictEqual(await calls(growing("2", 0)), ["CA", "CA", "CA", "CA"]);
  // Room that is there already is no harm: it is empty.
  deepStrictEqual(await calls(growing("2", 1)), ["CA", "DA", "EA", "FA"]);
  // But for one that could not grow again.
  deepStrictEqual(await calls(growing("2 3", 1)), ["CA", "CA", "CA", "CA"]);
  // And too much of it is not worth keeping.
  deepStrictEqual(await calls(growing("2", 65)), ["CA", "CA", "CA", "CA"]);
});

test("a function that trapped begins anew, in memory that it does not export", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(COUNTING, counting);
  const call = () => rig.payload(fn, [3], { shape: "arguments" }).catch(({ message }) => message);
  const answers: unknown[] = [];
  for (let n = 0; n < 6; n++) answers.push(await call());
  const trapped = "RuntimeError: unreachable";
  deepStrictEqual(answers, [1, 2, trapped, 1, 2, trapped]);
});

/** As much of MEMORY, 128 MB, as should always be left for what calls need beside it, and V8. */
const ROOM_MB = 16;

const loads: readonly {
  readonly what: string;
  readonly make: () => Promise<FunctionVersion>;
  readonly calls: number;
  readonly fails?: string;
}[] = [
  { what: "programs", make: () => wasmVersion(fixture("rust-command")), calls: 12_000 },
  {
    what: "programs that grow",
    make: () => wasmVersion(growing("17", 40), { returns: "text" }),
    calls: 3_000,
  },
  { what: "components", make: () => wasmVersion(fixture("component-command")), calls: 1_000 },
  // It keeps every request for good.
  {
    what: "requests to a component",
    make: () => wasmVersion(fixture("component-http"), { maxInstances: 1 }),
    calls: 12_000,
  },
  {
    what: "functions that trap",
    make: () => wasmVersion(COUNTING, counting),
    calls: 6_000,
    fails: "function_error RuntimeError: unreachable",
  },
];

for (const { what, make, calls, fails } of loads) {
  test(`${calls} calls of ${what}, ${CONNECTIONS} at a time: none comes near MEMORY`, async () => {
    await using rig = await startRig();
    const { failures, leastRoom } = await load(rig, await make(), calls);
    deepStrictEqual(failures, fails === undefined ? [] : [fails]);
    ok(leastRoom >= ROOM_MB, `${leastRoom} MB were left`);
  });
}

interface Loaded {
  /** Of each kind one. */
  readonly failures: readonly string[];
  /** In MB. */
  readonly leastRoom: number;
}

async function load(rig: Rig, fn: FunctionVersion, calls: number): Promise<Loaded> {
  const failures = new Set<string>();
  let leastRoom = Infinity;
  let left = calls;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    while (left-- > 0) {
      const call = fn.parameters === null
        ? rig.payload(fn)
        : rig.payload(fn, [1], { shape: "arguments" });
      await call.catch(({ code, message }) => failures.add(`${code} ${message}`));
      if (left % 10 === 0) leastRoom = Math.min(leastRoom, ...[...rig.pids].map(roomMbOf));
    }
  }));
  return { failures: [...failures], leastRoom };
}

/** What the process may still ask the kernel for. Nothing limits a blank one yet. */
function roomMbOf(pid: number): number {
  try {
    const limit = /^Max data size +(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/limits`));
    const data = /^VmData:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return limit === null || data === null
      ? Infinity
      : Number(limit[1]) / 2 ** 20 - Number(data[1]) / 2 ** 10;
  } catch {
    return Infinity; // gone
  }
}
