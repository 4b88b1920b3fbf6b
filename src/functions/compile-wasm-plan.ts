/**
 * How a WebAssembly function is called: found by holding the module's exports against the SQL
 * signature (the table of conventions in docs/guide.md). What cannot work is refused here, when the
 * function is created, with both sides named.
 */
import type {
  WasmArgument,
  WasmCallPlan,
  WasmCommandPlan,
  WasmNumberType,
  WasmResult,
} from "../protocol/wasm-plan.ts";
import type { FunctionType, ValueType, WasmExport, WasmModule } from "./compile-wasm-binary.ts";
import { argumentTypes, isNumber, resultTypes, scalarOf, textForm } from "./compile-wasm-types.ts";

export interface WasmSignature {
  readonly name: string;
  /** `null` when the function declares no SQL signature. */
  readonly parameters: readonly { readonly name: string | null; readonly type: string }[] | null;
  readonly returns: string | null;
}

/** Why a module cannot be called: a sentence that goes on from "the module". */
export class WasmRefusal {
  readonly message: string;
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    this.message = message;
    this.hint = hint;
  }
}

export function planWasm(
  module: WasmModule,
  signature: WasmSignature,
): WasmCallPlan | WasmCommandPlan | WasmRefusal {
  const wasi = module.imports.some((item) => item.module === "wasi_snapshot_preview1");
  const start = typeOf(module, "_start");
  if (start !== null && isType(start, [], [])) {
    const { parameters, returns, name } = signature;
    return {
      kind: "command",
      program: name,
      parameters: parameters?.map((parameter) => parameter.name) ?? null,
      result: textForm(returns),
    };
  }
  const entry = findEntry(module, signature.name);
  if (entry instanceof WasmRefusal) return entry;
  const called = matchCall(entry, module, signature);
  if (called instanceof WasmRefusal) return called;
  const texts = called.result.kind === "text" ||
    called.arguments.some((argument) => argument.kind === "text");
  const memory = module.exports.find((item) => item.kind === "memory")?.name ?? null;
  if (texts && memory === null) {
    return new WasmRefusal(
      "exports no memory, in which texts could be handed over",
      "Export it as `memory`, as compilers do by default.",
    );
  }
  return {
    kind: "call",
    entry: entry.name,
    ...called,
    memory,
    allocate: findAllocate(module),
    free: findFree(module),
    initialize: functionExport(module, "_initialize")?.name ?? null,
    wasi,
  };
}

const ALLOCATE_NAMES = ["alloc", "allocate", "malloc", "__wbindgen_malloc"];
const FREE_NAMES = ["dealloc", "deallocate", "free"];

/** The allocator's part of the exports, and what linkers add. */
function isInfrastructure(name: string): boolean {
  return ALLOCATE_NAMES.includes(name) || FREE_NAMES.includes(name) || name.startsWith("_") ||
    name === "realloc" || name === "calloc" || name === "cabi_realloc";
}

function functionExport(module: WasmModule, name: string): WasmExport | undefined {
  return module.exports.find((item) => item.kind === "function" && item.name === name);
}

function typeOf(module: WasmModule, name: string): FunctionType | null {
  return functionExport(module, name)?.type ?? null;
}

/** The function's own name, `main`, or the only function there is. */
function findEntry(module: WasmModule, name: string): WasmExport | WasmRefusal {
  const entry = functionExport(module, name) ?? functionExport(module, "main");
  if (entry !== undefined) return entry;
  const functions = module.exports.filter((item) => item.kind === "function");
  const candidates = functions.filter((item) => !isInfrastructure(item.name));
  if (candidates.length === 1 && candidates[0] !== undefined) return candidates[0];
  const names = candidates.slice(0, 10).map((item) => item.name);
  const more = candidates.length > names.length
    ? ` and ${candidates.length - names.length} more`
    : "";
  return new WasmRefusal(
    `exports no function ${name} or main`,
    names.length === 0
      ? 'It exports no function at all. A Rust library needs #[no_mangle] pub extern "C" fn, C wants -Wl,--export=main.'
      : `It exports ${names.join(", ")}${more}.`,
  );
}

function findAllocate(module: WasmModule): string | null {
  for (const name of ALLOCATE_NAMES) {
    const type = typeOf(module, name);
    if (type !== null && isType(type, ["i32"], ["i32"])) return name;
  }
  return null;
}

function findFree(module: WasmModule): WasmCallPlan["free"] {
  for (const name of FREE_NAMES) {
    const type = typeOf(module, name);
    if (type === null || type.results.length > 0) continue;
    if (isType(type, ["i32", "i32"], [])) return { name, takesLength: true };
    if (isType(type, ["i32"], [])) return { name, takesLength: false };
  }
  return null;
}

function isType(type: FunctionType, parameters: ValueType[], results: ValueType[]): boolean {
  return type.parameters.join() === parameters.join() && type.results.join() === results.join();
}

type Called = Pick<WasmCallPlan, "arguments" | "result">;

function matchCall(
  entry: WasmExport,
  module: WasmModule,
  signature: WasmSignature,
): Called | WasmRefusal {
  const { type } = entry;
  if (type === null) {
    return new WasmRefusal(`exports ${entry.name} with a type that is no function's`);
  }
  const strange = [...type.parameters, ...type.results].find((value) => !isNumber(value));
  if (strange !== undefined) {
    return new WasmRefusal(
      `has a function ${shown(entry)}, and no SQL type goes with ${
        strange === "reference" ? "a reference" : strange
      }`,
    );
  }
  const attempts: Called[] = [];
  for (const result of resultsFor(type, signature, module)) {
    for (const pass of ["pair", "pointer-to-pair", "zero-ended"] as const) {
      const list = passArguments(type, signature, result, pass);
      if (list !== null) attempts.push({ arguments: list, result });
    }
  }
  return attempts[0] ?? mismatch(entry, signature);
}

/** What the function's results can mean, likeliest first. */
function resultsFor(
  { results }: FunctionType,
  { parameters, returns }: WasmSignature,
  module: WasmModule,
): WasmResult[] {
  if (results.length > 1) return [];
  const [type] = results;
  const form = textForm(returns);
  if (returns === "void") return type === undefined ? [{ kind: "nothing" }] : [];
  if (type === undefined) return [{ kind: "text", form, pass: "out-pointer" }];
  const as = scalarOf(returns);
  const scalarType = type as WasmNumberType; // checked by the caller
  const asNumber: WasmResult[] = as !== null && resultTypes[as].includes(scalarType)
    ? [{ kind: "number", as, type: scalarType }]
    : [];
  // A numeric is a text or a number; it is what its arguments are.
  const textual = (declared: string) => [null, "number"].includes(scalarOf(declared));
  const isText = as === null ||
    (as === "number" &&
      (form === "json" || parameters?.some((each) => textual(each.type)) === true));
  // Without a signature an i32 is far more likely a number than where a text stands.
  const asText: WasmResult[] = isText && type === "i64"
    ? [{ kind: "text", form, pass: "packed" }]
    : isText && type === "i32" && parameters !== null
    ? [{ kind: "text", form, pass: "zero-ended" }]
    : [];
  // What JSON is, a number can be as well; without memory it is one.
  const hasMemory = module.exports.some((item) => item.kind === "memory");
  if (parameters === null) return asText;
  return type === "i64" && hasMemory ? [...asText, ...asNumber] : [...asNumber, ...asText];
}

/** The arguments, if the parameters can be passed this way and use up the function's own exactly. */
function passArguments(
  type: FunctionType,
  { parameters }: WasmSignature,
  result: WasmResult,
  pass: Extract<WasmArgument, { kind: "text" }>["pass"],
): WasmArgument[] | null {
  const byOutPointer = result.kind === "text" && result.pass === "out-pointer";
  const zeroEnded = result.kind === "text" && result.pass === "zero-ended";
  // The address of a pair is how `extern "C"` passes a &str since Rust 1.89; such a function returns
  // its text through a pointer as well.
  if (pass === "pointer-to-pair" && !byOutPointer) return null;
  if (pass === "zero-ended" && byOutPointer) return null;
  if (zeroEnded && pass !== "zero-ended") return null;
  const rest = [...type.parameters];
  if (byOutPointer && rest.shift() !== "i32") return null;
  const list: WasmArgument[] = [];
  // Without a signature there is one parameter, the payload.
  const declared = parameters ?? [{ name: "payload", type: "jsonb" }];
  for (const [index, parameter] of declared.entries()) {
    const name = parameter.name ?? `$${index + 1}`;
    const as = scalarOf(parameter.type);
    if (as !== null && as !== "number") {
      const given = rest.shift();
      if (given === undefined || !isNumber(given) || !argumentTypes[as].includes(given)) {
        return null;
      }
      list.push({ kind: "number", name, as, type: given });
      continue;
    }
    for (let words = pass === "pair" ? 2 : 1; words > 0; words--) {
      if (rest.shift() !== "i32") return null;
    }
    list.push({ kind: "text", name, form: textForm(parameter.type), pass });
  }
  // A function without texts is passed the same in all three ways; one will do.
  if (pass !== "pair" && list.every((argument) => argument.kind === "number") && !zeroEnded) {
    return null;
  }
  return rest.length === 0 ? list : null;
}

function shown({ name, type }: WasmExport): string {
  return `${name}(${type?.parameters.join(", ")}) → ${type?.results.join(", ") || "nothing"}`;
}

function mismatch(
  entry: WasmExport,
  { parameters, returns, name }: WasmSignature,
): WasmRefusal {
  const declared = parameters === null
    ? `${name} without parameters`
    : `${name}(${parameters.map((parameter) => parameter.type).join(", ")})`;
  const message = `has ${shown(entry)}, which does not go with ${declared}` +
    (returns === null ? "" : ` RETURNS ${returns}`);
  if (parameters === null) {
    return new WasmRefusal(
      message,
      "Declare its parameters, as in CREATE EDGE FUNCTION f(a int) RETURNS int. A function " +
        "without them gets its JSON as (address, length) and returns an i64 of both.",
    );
  }
  return new WasmRefusal(
    message,
    "An i32 goes with smallint, integer and boolean, an i64 with bigint, an f32 with real, an f64 " +
      "with double precision; a text is an address and a length.",
  );
}
