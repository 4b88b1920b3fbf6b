/** Every calling convention, through real instances. */
import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { startRig, test } from "../runtime/rig.ts";
import { fixture, parametersOf, type WasmInput, wasmVersion } from "./wasm-rig.ts";

interface Example {
  readonly what: string;
  readonly code: string;
  readonly signature?: WasmInput;
  /** Arguments and what comes of them; a pattern for an error. */
  readonly calls: ReadonlyArray<readonly [args: readonly unknown[], result: unknown]>;
}

const binary = (
  type: string,
  operator: string,
) =>
  `(module (func (export "main") (param ${type} ${type}) (result ${type})
    local.get 0 local.get 1 ${type}.${operator}))`;

const identity = (type: string) =>
  `(module (func (export "main") (param ${type}) (result ${type}) local.get 0))`;

const signature = (parameters: string, returns: string | null, name = "hello"): WasmInput => ({
  name,
  parameters: parameters === "" ? [] : parametersOf(parameters),
  returns,
});

/** With a signature arguments come as SQL sends them. */
async function expectAll(examples: readonly Example[]): Promise<void> {
  await using rig = await startRig();
  for (const { what, code, signature, calls } of examples) {
    const fn = await wasmVersion(code, signature);
    const shape = signature?.parameters ? "arguments" : "payload";
    for (const [args, expected] of calls) {
      const call = rig.payload(fn, shape === "arguments" ? args : args[0], { shape });
      const label = `${what}: ${JSON.stringify(args)}`;
      if (expected instanceof RegExp) {
        await rejects(call, (error: Error) => {
          match(`${error.name} ${error.message}`, expected, label);
          return true;
        }, label);
      } else deepStrictEqual(await call, expected, label);
    }
  }
}

test("numbers: each SQL type with each type that can hold it", async () => {
  const i64 = 9_007_199_254_740_993n;
  await expectAll([
    {
      what: "integer as i32",
      code: binary("i32", "add"),
      signature: signature("a integer, b integer", "integer"),
      calls: [[[2, 40], 42], [[-(2 ** 31), 0], -(2 ** 31)], [[null, 1], null]],
    },
    {
      what: "the type's other names",
      code: binary("i32", "add"),
      signature: signature("a int4, b INT", "int8"),
      calls: [[[2, 40], 42]],
    },
    {
      what: "bigint as i64",
      code: binary("i64", "add"),
      signature: signature("a bigint, b bigint", "bigint"),
      calls: [[[1, 2], 3], [[-1, -(2 ** 40)], -1 - 2 ** 40]],
    },
    {
      what: "smallint as f32",
      code: identity("f32"),
      signature: signature("a smallint", "real"),
      calls: [[[-32768], -32768]],
    },
    {
      what: "double precision",
      code: binary("f64", "div"),
      signature: signature("a double precision, b float8", "double precision"),
      calls: [[[1, 4], 0.25], [[1, 0], "Infinity"], [[0, 0], "NaN"], [
        ["-Infinity", 2],
        "-Infinity",
      ]],
    },
    {
      what: "integer as i64",
      code: identity("i64"),
      signature: signature("a integer", "smallint"),
      calls: [[[12], 12], [[32768], /RangeError: the result 32768 is out of range for smallint/]],
    },
    {
      what: "boolean",
      code: '(module (func (export "main") (param i32) (result i32) local.get 0 i32.eqz))',
      signature: signature("a boolean", "boolean"),
      calls: [[[true], false], [[false], true], [[null], null]],
    },
    {
      what: "nothing at all",
      code: '(module (func (export "main")))',
      signature: signature("", "void"),
      calls: [[[], null]],
    },
    {
      what: "a number as JSON",
      code: identity("f64"),
      signature: signature("a double precision", null),
      calls: [[[1.5], 1.5]],
    },
  ]);
  await using rig = await startRig();
  const fn = await wasmVersion(identity("i64"), signature("a bigint", "bigint"));
  const { output } = await rig.runtime.invoke(fn, {
    ...{ kind: "payload", trigger: "sql", shape: "arguments", input: `[${i64}]` },
    ...{ executionId: crypto.randomUUID(), arrivedAt: performance.now() },
    caller: { role: "anon", service: false },
  });
  strictEqual(output, String(i64), "no digit is lost");
});

test("numbers: what HTTP callers send is held to the types", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(
    binary("i32", "add"),
    signature("a integer, b integer", "integer"),
  );
  strictEqual(await rig.payload(fn, { a: 1, b: 2 }), 3);
  strictEqual(await rig.payload(fn, [4, 5]), 9);
  strictEqual(await rig.payload(fn, { a: 1 }), null);
  const bad = async (input: unknown, message: RegExp) => {
    await rejects(rig.payload(fn, input), (error: Error & { code?: string }) => {
      match(error.message, message);
      strictEqual(error.code, "invalid_request");
      return true;
    });
  };
  await bad(["x", 1], /^a must be a whole number, not "x"$/);
  await bad([1, 2.5], /^b must be a whole number, not 2.5$/);
  await bad([1, 2 ** 31], /^b is out of range for integer: 2147483648$/);
  await bad([{}, 1], /^a must be a whole number, not an object$/);
});

test("texts: address and length, in all ways a result can come back", async () => {
  const code = fixture("c-text");
  await expectAll([
    {
      what: "an i64 of both",
      code,
      signature: signature("t text", "text", "packed"),
      calls: [[["abc"], "cba"], [[""], ""], [["x".repeat(200_000)], "x".repeat(200_000)], [
        [null],
        null,
      ]],
    },
    {
      what: "written to where the first parameter points",
      code,
      signature: signature("t text", "text", "out_pointer"),
      calls: [[["abc"], "cba"], [[""], ""]],
    },
    {
      what: "up to a zero byte",
      code,
      signature: signature("t text", "text", "zero_ended"),
      calls: [[["abc"], "cba"], [[""], null], [["a\0b"], /t holds a zero byte/]],
    },
    {
      what: "texts and numbers",
      code,
      signature: signature("t text, c integer, n bigint", "integer", "count"),
      calls: [[["banana", 97, 10], 13]],
    },
    {
      what: "two texts",
      code,
      signature: signature("a text, b text", "boolean", "same"),
      calls: [[["é", "é"], true], [["a", "b"], false]],
    },
    {
      what: "bytes",
      code,
      signature: signature("b bytea", "bytea", "packed"),
      calls: [[["\\x00ff10"], "\\x10ff00"]],
    },
    {
      what: "JSON, for a payload",
      code,
      signature: { name: "echo" },
      calls: [[[{ a: [1, "ü", null] }], { a: [1, "ü", null] }], [[null], null]],
    },
    {
      what: "JSON, for arrays and numerics",
      code,
      signature: signature("n integer[]", "integer[]", "echo"),
      calls: [[[[1, 2]], [1, 2]]],
    },
    {
      what: "numeric keeps its digits",
      code,
      signature: signature("n numeric", "numeric", "echo"),
      calls: [[["123456789012345678901234567890.5"], "123456789012345678901234567890.5"]],
    },
    {
      what: "a result that lies nowhere",
      code,
      signature: signature("t text", "text", "nowhere"),
      calls: [[["x".repeat(100)], /RangeError: the result's 100 bytes at 4294967280 are not in/]],
    },
    {
      what: "a result that is no text",
      code,
      signature: signature("t text", "text", "no_text"),
      calls: [[["x"], /TypeError: the text that the function returned is not UTF-8/]],
    },
    {
      what: "a result that is no JSON",
      code,
      signature: signature("t text", "jsonb", "packed"),
      calls: [[["]["], []], [
        ["[]"],
        /SyntaxError: the text that the function returned is not JSON: \]\[/,
      ]],
    },
  ]);
});

test("texts: what the host allocates it gives back, results too", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(
    fixture("c-text"),
    signature("t text", "text", "as_many_as_blocks"),
  );
  const results = new Set<unknown>();
  for (let i = 0; i < 20; i++) results.add(await rig.payload(fn, ["text"], { shape: "arguments" }));
  // The place for an out pointer, the argument and the result itself.
  deepStrictEqual([...results], ["xxx"]);
});

test('Rust: extern "C" fn main(input: &str) -> String, before and after Rust 1.89', async () => {
  const rust = fixture("rust-string");
  await expectAll([
    {
      what: "String of Rust 1.63",
      code: rust,
      signature: signature("input text", "text"),
      calls: [
        [["abc"], "+++ABC"],
        [[""], ""],
        [["é".repeat(50_000)], "+".repeat(100_000) + "É".repeat(50_000)],
        [["a".repeat(3_000_000)], "+".repeat(3_000_000) + "A".repeat(3_000_000)],
        [["again"], "+++++AGAIN"],
      ],
    },
    {
      what: "its panic, by name",
      code: rust,
      signature: signature("input text", "text", "fails"),
      calls: [[["x"], /RuntimeError: unreachable/], [["y"], /RuntimeError: unreachable/]],
    },
    {
      what: "&str by its address and String with its capacity in front",
      code: `(module (memory (export "memory") 17)
        (global (export "__heap_base") i32 (i32.const 1048576))
        (func (export "main") (param $out i32) (param $input i32)
          (i32.store (local.get $out) (i32.const 64))
          (i32.store offset=4 (local.get $out) (i32.const 1048576))
          (i32.store offset=8 (local.get $out) (i32.load offset=4 (local.get $input)))
          (memory.copy (i32.const 1048576) (i32.load (local.get $input))
            (i32.load offset=4 (local.get $input)))))`,
      signature: signature("input text", "text"),
      calls: [[["capacity"], "capacity"], [[""], ""]],
    },
  ]);
});
