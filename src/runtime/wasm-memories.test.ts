import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { wasmBytes } from "../functions/compile-wasm-text.ts";
import { type WasmMemoryLimits, wasmMemoryModule } from "../protocol/wasm-plan.ts";
import { importMemories } from "./wasm-memories.ts";

const assemble = (code: string) => wasmBytes({ name: "f", code });

const cases: readonly {
  readonly what: string;
  readonly code: string;
  readonly memories: readonly WasmMemoryLimits[];
  /** What `main` answers. */
  readonly answer: number;
}[] = [
  {
    what: "without imports, nor a type before",
    code: `(module (memory 1) (global (export "main") i32 (i32.const 5)))`,
    memories: [{ initial: 1 }],
    answer: 5,
  },
  {
    what: "with functions imported, whose numbers stay",
    code: `(module (import "env" "seven" (func $seven (result i32)))
      (memory (export "memory") 2 200) (data (i32.const 4) "\\01")
      (func (export "main") (result i32) (i32.add (call $seven) (i32.load (i32.const 4)))))`,
    memories: [{ initial: 2, maximum: 200 }],
    answer: 8,
  },
  {
    what: "with two memories, whose numbers stay",
    code: `(module (memory $a 300) (memory $b 4 65536)
      (data (memory $a) (i32.const 0) "\\03") (data (memory $b) (i32.const 0) "\\04")
      (func (export "main") (result i32)
        (i32.add (i32.load $a (i32.const 0))
          (i32.mul (i32.const 10) (i32.load $b (i32.const 0))))))`,
    memories: [{ initial: 300 }, { initial: 4, maximum: 65_536 }],
    answer: 43,
  },
  {
    what: "more pages than a signed byte has room for",
    code: `(module (memory 64) (func (export "main") (result i32) (memory.size)))`,
    memories: [{ initial: 64 }],
    answer: 64,
  },
];

for (const { what, code, memories, answer } of cases) {
  Deno.test(`a module imports the memories it had: ${what}`, async () => {
    const { bytes, memories: found } = importMemories(await assemble(code));
    deepStrictEqual(found, memories);
    const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
    const imported = WebAssembly.Module.imports(module).filter(({ kind }) => kind === "memory");
    deepStrictEqual(
      imported.map(({ module, name }) => ({ module, name })),
      memories.map((_, index) => ({ module: wasmMemoryModule, name: `${index}` })),
    );
    const given = memories.map((limits) => new WebAssembly.Memory(limits));
    const { main } = new WebAssembly.Instance(module, {
      env: { seven: () => 7 },
      [wasmMemoryModule]: Object.fromEntries(given.map((memory, index) => [index, memory])),
    }).exports;
    strictEqual(main instanceof WebAssembly.Global ? main.value : (main as () => number)(), answer);
  });
}

Deno.test("a module without memory comes back as it is", async () => {
  const bytes = await assemble(`(module (func (export "main")))`);
  deepStrictEqual(importMemories(bytes), { bytes, memories: [] });
});
