import { deepEqual, equal, match } from "node:assert/strict";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { readWasmModule } from "./compile-wasm-binary.ts";
import { planWasm, WasmRefusal } from "./compile-wasm-plan.ts";
import { readWit } from "./compile-wasm-wit.ts";

/** Assembled before the tests, as the assembler starts a thread when it is first used. */
const assembled = async (text: string) => readWasmModule(await parse(text));

const everything = await assembled(`(module
  (rec (type $point (struct (field i32) (field (mut i8)))) (type $list (array (ref null $point))))
  (type $base (sub (func)))
  (import "a" "f" (func (param i32 i64) (result f32)))
  (import "a" "t" (table 1 2 (ref null $list)))
  (import "a" "m" (memory 3 4))
  (import "a" "g" (global (mut i64)))
  (import "a" "e" (tag (param i32)))
  (type $after (func (param v128 externref (ref $list)) (result f64)))
  (func $own (type $after) unreachable)
  (memory $wide i64 1)
  (export "imported" (func 0))
  (export "own" (func $own))
  (export "memory" (memory 0))
  (export "ü" (func $own)))`);

Deno.test("imports, exports and types are read, whatever stands between them", () => {
  deepEqual(everything.imports.map(({ name, kind }) => [name, kind]), [
    ["f", "function"],
    ["t", "table"],
    ["m", "memory"],
    ["g", "global"],
    ["e", "tag"],
  ]);
  const own = { parameters: ["v128", "reference", "reference"], results: ["f64"] };
  deepEqual(everything.exports, [
    { name: "imported", kind: "function", type: { parameters: ["i32", "i64"], results: ["f32"] } },
    { name: "own", kind: "function", type: own },
    { name: "memory", kind: "memory", type: null },
    { name: "ü", kind: "function", type: own },
  ]);
  deepEqual(everything.memories, [
    { initialPages: 3n, maximumPages: 4n, is64: false, shared: false },
    { initialPages: 1n, maximumPages: null, is64: true, shared: false },
  ]);
});

interface Example {
  /** Parameters and results of the exported `f`. */
  readonly type: string;
  readonly signature: string | null;
  readonly returns: string | null;
  /** Arguments and result in short; a pattern for a refusal. */
  readonly plan: string | RegExp;
  readonly memory?: boolean;
}

const examples: readonly Example[] = [
  { type: "i32 i32 > i32", signature: "int, int", returns: "int", plan: "i32 i32 > i32" },
  { type: "i64 > i64", signature: "bigint", returns: "numeric", plan: "i64 > i64" },
  { type: "i64 > i64", signature: "BIGINT", returns: null, plan: "i64 > packed json" },
  { type: "i64 > i64", signature: "bigint", returns: null, plan: "i64 > i64", memory: false },
  { type: "f64 > i32", signature: "double  precision", returns: "bool", plan: "f64 > i32" },
  {
    type: "i32 > i32",
    signature: "pg_catalog.int4",
    returns: "pg_catalog.int8",
    plan: "i32 > i32",
  },
  { type: ">", signature: "", returns: "void", plan: "> nothing" },
  { type: "i32 i32 > i64", signature: "text", returns: "text", plan: "pair text > packed text" },
  { type: "i32 i32 > i64", signature: null, returns: null, plan: "pair json > packed json" },
  {
    type: "i32 i32 i32 >",
    signature: "varchar(10)",
    returns: "bytea",
    plan: "pair text > out-pointer bytes",
  },
  {
    type: "i32 i32 >",
    signature: "text",
    returns: "text",
    plan: "pointer-to-pair text > out-pointer text",
  },
  { type: "i32 i32 >", signature: "text", returns: "void", plan: "pair text > nothing" },
  {
    type: "i32 i32 i32 >",
    signature: "text, int",
    returns: "uuid",
    plan: "pointer-to-pair text i32 > out-pointer text",
  },
  {
    type: "i32 >",
    signature: "",
    returns: "text",
    plan: "> out-pointer text",
  },
  {
    type: "i32 > i32",
    signature: "text",
    returns: "text",
    plan: "zero-ended text > zero-ended text",
  },
  { type: "i32 > i32", signature: "int", returns: "text", plan: "i32 > zero-ended text" },
  { type: "i32 i32 > i64", signature: "spot", returns: "int[]", plan: "pair any > packed json" },
  {
    type: "i32 i32 i64 > i64",
    signature: "numeric, int8",
    returns: "numeric",
    plan: "pair text i64 > packed text",
  },
  { type: "i32 i32 > i32", signature: null, returns: null, plan: /Declare its parameters/ },
  {
    type: "i32 > i32",
    signature: "bigint",
    returns: "int",
    plan: /does not go with f\(bigint\) RETURNS int/,
  },
  { type: "f32 > f32", signature: "double precision", returns: "real", plan: /does not go with/ },
  { type: "i32 > f64", signature: "int", returns: "int", plan: /does not go with/ },
  { type: "i32 > i32 i32", signature: "int", returns: "int", plan: /does not go with/ },
  {
    type: "i32 i32 > i64",
    signature: "text",
    returns: "text",
    plan: /exports no memory/,
    memory: false,
  },
];

const modules = await Promise.all(examples.map(({ type, memory = true }) => {
  const [parameters = "", results = ""] = type.split(">");
  return assembled(`(module ${memory ? '(memory (export "memory") 1)' : ""}
    (func (export "f") (param ${parameters}) (result ${results}) unreachable))`);
}));

for (const [index, { type, signature, returns, plan }] of examples.entries()) {
  Deno.test(`f(${signature ?? "no signature"}) RETURNS ${returns} by ${type}: ${plan}`, () => {
    const parameters = signature === null
      ? null
      : signature.split(",").filter((each) => each !== "").map((each) => ({
        name: null,
        type: each.trim(),
      }));
    const module = modules[index];
    if (module === undefined) throw new Error("not assembled");
    const planned = planWasm(module, { name: "f", parameters, returns });
    if (plan instanceof RegExp) {
      if (!(planned instanceof WasmRefusal)) throw new Error(JSON.stringify(planned));
      match(`${planned.message} ${planned.hint ?? ""}`, plan);
    } else {
      if (planned instanceof WasmRefusal) throw new Error(planned.message);
      if (planned.kind !== "call") throw new Error(planned.kind);
      const shown = planned.arguments.map((argument) =>
        argument.kind === "number" ? argument.type : `${argument.pass} ${argument.form}`
      );
      const { result } = planned;
      const last = result.kind === "nothing"
        ? "nothing"
        : result.kind === "number"
        ? result.type
        : `${result.pass} ${result.form}`;
      equal([...shown, ">", last].join(" "), plan);
    }
  });
}

Deno.test("WIT: what a component imports and exports", () => {
  deepEqual(
    readWit(`package root:component;

world root {
  record point {
    x: s32,
  }
  resource blob {
    read: func(n: u32) -> list<u8>;
  }
  import wasi:io/poll@0.2.3;
  import log: func(text: string);

  export %list: func(pairs: list<tuple<string, u32>>, last: option<point>) -> result<_, string>;
  export nothing: async func();
  export acme:tools/api@1.2.0;
  export wasi:cli/run@0.2.3;
}
package acme:tools@1.2.0 {
  interface hidden {
    secret: func();
  }
  interface api {
    resource thing {
      method: func();
    }
    to-upper: func(text: string) -> string;
  }
}
package wasi:cli@0.2.3 {
  interface run {
    run: func() -> result;
  }
}`),
    {
      imports: ["wasi:io/poll@0.2.3", "log"],
      exports: ["acme:tools/api@1.2.0", "wasi:cli/run@0.2.3"],
      functions: [
        {
          interface: null,
          name: "list",
          parameters: ["list<tuple<string, u32>>", "option<point>"],
        },
        { interface: null, name: "nothing", parameters: [] },
        { interface: "acme:tools/api@1.2.0", name: "to-upper", parameters: ["string"] },
      ],
    },
  );
});
