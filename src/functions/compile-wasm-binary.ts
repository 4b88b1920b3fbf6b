/**
 * What a WebAssembly module imports and exports, with types, read from its bytes. V8 tells only
 * names, and running the module to learn more is out of the question here: its start function would
 * run in the platform's process.
 *
 * Only for modules that V8 has found valid, so that nothing here checks what V8 did.
 * https://webassembly.github.io/spec/core/binary/modules.html
 */

import { type WasmMemory, WasmReader, wasmSections as sections } from "./wasm-reader.ts";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128" | "reference";

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export type ExternKind = "function" | "table" | "memory" | "global" | "tag";

export interface WasmImport {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternKind;
}

export interface WasmExport {
  readonly name: string;
  readonly kind: ExternKind;
  /** Of functions; `null` for everything else. */
  readonly type: FunctionType | null;
}

export interface WasmModule {
  readonly imports: readonly WasmImport[];
  readonly exports: readonly WasmExport[];
  /** Imported and own. */
  readonly memories: readonly WasmMemory[];
}

const kinds: readonly ExternKind[] = ["function", "table", "memory", "global", "tag"];

export function readWasmModule(bytes: Uint8Array): WasmModule {
  const reader = new WasmReader(bytes);
  reader.skip(8);
  const types: (FunctionType | null)[] = [];
  const functions: (FunctionType | null)[] = [];
  const imports: WasmImport[] = [];
  const memories: WasmMemory[] = [];
  const exports: WasmExport[] = [];
  while (!reader.atEnd) {
    const id = reader.byte();
    const end = reader.size() + reader.offset;
    switch (id) {
      case sections.types:
        reader.list(() => types.push(...readRecursiveTypes(reader)));
        break;
      case sections.imports:
        reader.list(() => {
          const [module, name] = [reader.name(), reader.name()];
          const kind = kinds[reader.byte()] ?? "tag"; // V8 knows no other
          imports.push({ module, name, kind });
          switch (kind) {
            case "function":
              functions.push(types[reader.size()] ?? null);
              break;
            case "table":
              readValueType(reader);
              reader.memory();
              break;
            case "memory":
              memories.push(reader.memory());
              break;
            case "global":
              readValueType(reader);
              reader.byte();
              break;
            case "tag":
              reader.byte();
              reader.size();
          }
        });
        break;
      case sections.functions:
        reader.list(() => functions.push(types[reader.size()] ?? null));
        break;
      case sections.memories:
        reader.list(() => memories.push(reader.memory()));
        break;
      case sections.exports:
        reader.list(() => {
          const name = reader.name();
          const kind = kinds[reader.byte()] ?? "tag";
          const index = reader.size();
          exports.push({ name, kind, type: kind === "function" ? functions[index] ?? null : null });
        });
    }
    reader.offset = end;
  }
  return { imports, exports, memories };
}

/** One entry of the type section: a type, or a group of types that name each other. */
function readRecursiveTypes(reader: WasmReader): (FunctionType | null)[] {
  if (reader.peek() !== 0x4e) return [readSubType(reader)];
  reader.byte();
  const group: (FunctionType | null)[] = [];
  reader.list(() => group.push(readSubType(reader)));
  return group;
}

function readSubType(reader: WasmReader): FunctionType | null {
  if (reader.peek() === 0x50 || reader.peek() === 0x4f) {
    reader.byte();
    reader.list(() => reader.size());
  }
  // A shared type says so first.
  if (reader.peek() === 0x65) reader.byte();
  switch (reader.byte()) {
    case 0x60: {
      const parameters: ValueType[] = [];
      const results: ValueType[] = [];
      reader.list(() => parameters.push(readValueType(reader)));
      reader.list(() => results.push(readValueType(reader)));
      return { parameters, results };
    }
    case 0x5f:
      reader.list(() => readFieldType(reader));
      return null;
    default: // 0x5e, an array
      readFieldType(reader);
      return null;
  }
}

function readFieldType(reader: WasmReader): void {
  // Packed: i8 and i16.
  if (reader.peek() === 0x78 || reader.peek() === 0x77) reader.byte();
  else readValueType(reader);
  reader.byte();
}

function readValueType(reader: WasmReader): ValueType {
  switch (reader.byte()) {
    case 0x7f:
      return "i32";
    case 0x7e:
      return "i64";
    case 0x7d:
      return "f32";
    case 0x7c:
      return "f64";
    case 0x7b:
      return "v128";
    case 0x63:
    case 0x64:
      reader.size();
      return "reference";
    default:
      return "reference";
  }
}
