/**
 * Makes a module import the memories it has of its own, so that they can be used again when it is
 * not: see the sandbox's `program-memories.ts`. The imports come in the order of the memories, which
 * keep their numbers by that, and the code needs no change.
 * https://webassembly.github.io/spec/core/binary/modules.html
 */
import { type WasmMemory, WasmReader, wasmSections } from "../functions/wasm-reader.ts";
import { type WasmMemoryLimits, wasmMemoryModule } from "../protocol/wasm-plan.ts";

const HEADER_BYTES = 8;
const MEMORY_IMPORT = 2;

export interface WithoutMemories {
  readonly bytes: Uint8Array;
  readonly memories: readonly WasmMemoryLimits[];
}

/** `bytes` is of a module that V8 has found valid; one without memories comes back as it is. */
export function importMemories(bytes: Uint8Array): WithoutMemories {
  const reader = new WasmReader(bytes);
  reader.skip(HEADER_BYTES);
  const memories: WasmMemory[] = [];
  let imports: Uint8Array = Uint8Array.of(0);
  const before: Uint8Array[] = [bytes.subarray(0, HEADER_BYTES)];
  const behind: Uint8Array[] = [];
  while (!reader.atEnd) {
    const start = reader.offset;
    const id = reader.byte();
    const size = reader.size();
    const body = reader.offset;
    const end = body + size;
    if (id === wasmSections.imports) imports = bytes.subarray(body, end);
    else if (id === wasmSections.memories) reader.list(() => memories.push(reader.memory()));
    else {
      const isBefore = id <= wasmSections.types && behind.length === 0;
      (isBefore ? before : behind).push(bytes.subarray(start, end));
    }
    reader.offset = end;
  }
  if (memories.length === 0) return { bytes, memories: [] };
  const section = withMemories(imports, memories);
  const head = Uint8Array.of(wasmSections.imports, ...leb128(section.length));
  return {
    bytes: joined([...before, head, section, ...behind]),
    memories: memories.map(limitsOf),
  };
}

function withMemories(imports: Uint8Array, memories: readonly WasmMemory[]): Uint8Array {
  const reader = new WasmReader(imports);
  const count = reader.size();
  return joined([
    Uint8Array.from(leb128(count + memories.length)),
    imports.subarray(reader.offset),
    ...memories.map((memory, index) =>
      Uint8Array.of(
        ...name(wasmMemoryModule),
        ...name(`${index}`),
        MEMORY_IMPORT,
        ...limits(limitsOf(memory)),
      )
    ),
  ]);
}

function limitsOf({ initialPages, maximumPages }: WasmMemory): WasmMemoryLimits {
  const initial = Number(initialPages);
  return maximumPages === null ? { initial } : { initial, maximum: Number(maximumPages) };
}

function limits({ initial, maximum }: WasmMemoryLimits): number[] {
  if (maximum === undefined) return [0, ...leb128(initial)];
  return [1, ...leb128(initial), ...leb128(maximum)];
}

function name(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...leb128(bytes.length), ...bytes];
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 0x80)) bytes.push(value % 0x80 + 0x80);
  bytes.push(value);
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
