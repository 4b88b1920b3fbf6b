/** WebAssembly that means harm, or fails: it is stopped, and nobody else notices. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { CompilerThread } from "../../src/functions/compiler-thread.ts";
import { startRig, test } from "../runtime/rig.ts";
import { fixture, parametersOf, wasmVersion } from "./wasm-rig.ts";

const integer = { parameters: parametersOf("n integer"), returns: "integer" } as const;

/** An endless loop for 0, else the argument. */
const LOOP = `(module (func (export "main") (param i32) (result i32)
  (if (i32.eqz (local.get 0)) (then (loop $again (br $again))))
  (local.get 0)))`;

const codeOf = (code: string) => (error: Error & { readonly code?: string }) => {
  strictEqual(error.code, code, error.message);
  return true;
};

test("an endless loop ends at TIMEOUT; calls that it had not begun are answered elsewhere", async () => {
  await using rig = await startRig({ poolSize: 2 });
  const fn = await wasmVersion(LOOP, { ...integer, timeoutMs: 1000 });
  const neighbour = await wasmVersion(LOOP, { ...integer, functionId: "2" });
  const call = (n: number) => rig.payload(fn, [n], { shape: "arguments" });
  strictEqual(await call(1), 1);
  const endless = rejects(call(0), codeOf("timeout"));
  const others = Promise.all([2, 3, 4].map(call));
  const beside: unknown[] = [];
  for (let n = 1; n <= 200; n++) {
    beside.push(await rig.payload(neighbour, [n], { shape: "arguments" }));
  }
  deepStrictEqual(beside, Array.from({ length: 200 }, (_, index) => index + 1));
  deepStrictEqual(await others, [2, 3, 4]);
  await endless;
  strictEqual(await call(5), 5);
});

test("a start function that never ends: neither CREATE hangs, nor the node", async () => {
  await using compiler = new CompilerThread();
  const code = `(module (start $s) (func $s (loop $again (br $again)))
    (func (export "main") (param i32) (result i32) (local.get 0)))`;
  const input = { code, language: "wasm", name: "f", ...integer } as const;
  await compiler.compile(input);
  await using rig = await startRig();
  const fn = await wasmVersion(code, { ...integer, timeoutMs: 500 });
  await rejects(rig.payload(fn, [1], { shape: "arguments" }), codeOf("timeout"));
  const trapping = await wasmVersion(
    `(module (start $s) (func $s unreachable) (func (export "main")))`,
    { parameters: [], returns: "void" },
  );
  await rejects(rig.payload(trapping, [], { shape: "arguments" }), /RuntimeError: unreachable/);
});

test("memory: grown, declared, by tables and by texts, it ends at MEMORY", async () => {
  await using rig = await startRig();
  const limits = { memoryMb: 32, ...integer };
  const cases: readonly (readonly [what: string, code: string])[] = [
    [
      "memory.grow and writing to it",
      `(module (memory (export "memory") 1)
        (func (export "main") (param i32) (result i32) (local $at i32)
          (loop $more
            (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
            (memory.fill (local.get $at) (i32.const 1) (i32.const 1048576))
            (local.set $at (i32.add (local.get $at) (i32.const 1048576)))
            (br $more))
          (local.get 0)))`,
    ],
    [
      "declared and written to at once",
      `(module (memory (export "memory") 4096)
        (func (export "main") (param i32) (result i32)
          (memory.fill (i32.const 0) (i32.const 1) (i32.const 268435456)) (local.get 0)))`,
    ],
    [
      "a table",
      `(module (table $t 1 funcref)
        (func (export "main") (param i32) (result i32)
          (loop $more
            (if (i32.eq (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1))
              (then unreachable))
            (br $more))
          (local.get 0)))`,
    ],
  ];
  for (const [what, code] of cases) {
    const fn = await wasmVersion(code, { ...limits, functionId: what });
    await rejects(
      rig.payload(fn, [1], { shape: "arguments" }),
      (error: Error & { readonly code?: string }) => {
        // A module that asks whether it got the memory may trap by itself when it did not.
        ok(
          error.code === "memory_limit_exceeded" || /unreachable/.test(error.message),
          `${what}: ${error.code} ${error.message}`,
        );
        return true;
      },
    );
  }
  const text = await wasmVersion(fixture("rust-string"), {
    ...{ memoryMb: 16, parameters: parametersOf("input text"), returns: "text" },
  });
  await rejects(
    rig.payload(text, ["x".repeat(8 << 20)], { shape: "arguments" }),
    /Memory limit exceeded|unreachable/,
  );
  strictEqual(await rig.payload(text, ["x"], { shape: "arguments" }), "+X");
});

test("memory: thousands of fresh instances leave nothing behind", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(fixture("rust-command"), { memoryMb: 32 });
  for (let n = 0; n < 1000; n++) deepStrictEqual(await rig.payload(fn, n), { got: n });
  const component = await wasmVersion(fixture("component-http"), {
    ...{ memoryMb: 96, functionId: "component" },
  });
  for (let n = 0; n < 10; n++) {
    const replies = await Promise.all(Array.from({ length: 40 }, () => rig.http(component)));
    deepStrictEqual(new Set(replies.map((reply) => reply.status)), new Set([201]));
  }
  // Its results are never given back: the instance starts over instead.
  const leaking = await wasmVersion(fixture("rust-string"), {
    ...{ memoryMb: 64, parameters: parametersOf("input text"), returns: "text" },
    functionId: "leaking",
  });
  const input = "x".repeat(500_000);
  for (let n = 0; n < 150; n++) {
    strictEqual(
      (await rig.payload(leaking, [input], { shape: "arguments" }) as string).length,
      1_000_000,
    );
  }
  strictEqual(rig.warnings.length, 0);
});

test("recursion without an end is the function's own error", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(
    `(module (func $f (export "main") (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (i32.add (call $f (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
        (else (i32.const 7)))))`,
    integer,
  );
  await rejects(
    rig.payload(fn, [1], { shape: "arguments" }),
    /RangeError: Maximum call stack size/,
  );
  strictEqual(await rig.payload(fn, [0], { shape: "arguments" }), 7);
});

test("after a trap the next call has fresh memory", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(
    `(module (global $calls (mut i32) (i32.const 0))
      (func (export "main") (param i32) (result i32)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.eqz (local.get 0)) (then unreachable))
        (global.get $calls)))`,
    integer,
  );
  const call = (n: number) => rig.payload(fn, [n], { shape: "arguments" });
  deepStrictEqual([await call(1), await call(1)], [1, 2]);
  await rejects(call(0), /unreachable/);
  strictEqual(await call(1), 1);
});

test("modules made to hurt the compiler are refused, and it goes on", async () => {
  await using compiler = new CompilerThread();
  const compile = (code: string) =>
    compiler.compile({ code, language: "wasm", name: "f", parameters: [], returns: "void" });
  const refusal = async (code: string): Promise<string> => {
    const error = await compile(code).then(() => null, (thrown: Error) => thrown);
    if (error === null) throw new Error(`was compiled: ${code.slice(0, 80)}`);
    return error.message;
  };
  const exports = Array.from({ length: 50_000 }, (_, n) => `(export "e${n}" (func 0))`).join("");
  match(await refusal(`(module (func) ${exports})`), /exports no function f or main/);
  const imports = Array.from({ length: 5000 }, (_, n) => `(import "a" "b${n}" (func))`).join("");
  match(await refusal(`(module ${imports})`), /a\.b0, .* and 4992 more$/);
  match(await refusal(`(module (func ${"(block ".repeat(50_000)}`), /in function f|cannot be/);
  match(await refusal("(".repeat(1_000_000)), /in function f/);
  match(await refusal(btoa("\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f")), /not valid WebAssembly/);
  match(await refusal(btoa("\0asm\x0d\0\x01\0garbage")), /cannot be used/);
  match(await refusal(btoa("\0asm\x02\0\0\0")), /this is not WebAssembly/);
  match(await refusal("A".repeat(16 << 20)), /not WebAssembly|at most/);
  match(await refusal('(module (memory i64 1) (func (export "main")))'), /64-bit memory/);
  match(await refusal('(module (memory 1 1 shared) (func (export "main")))'), /shared memory/);
  match(await refusal('(module (func (export "main") (result v128) unreachable))'), /v128/);
  match(await refusal('(module (func (export "main") (param externref)))'), /a reference/);
  await compile('(module (func (export "main")))');
});
