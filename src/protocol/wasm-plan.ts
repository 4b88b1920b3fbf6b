/**
 * How a WebAssembly module is called: decided once, when the function is created, and carried out by
 * the loader beside the module. JSON; the supervisor writes it, so the loader trusts it.
 */

/** Named by what they hold; `bytes` is raw, `text` UTF-8, `json` a JSON text. */
export type WasmTextForm = "text" | "bytes" | "json" | "any";

export type WasmNumberType = "i32" | "i64" | "f32" | "f64";

/** An SQL type that one WebAssembly number can hold; `number` is what JSON has. */
export type WasmScalar =
  | "smallint"
  | "integer"
  | "bigint"
  | "real"
  | "double"
  | "boolean"
  | "number";

export type WasmArgument =
  | {
    readonly kind: "number";
    readonly name: string;
    readonly as: WasmScalar;
    readonly type: WasmNumberType;
  }
  | {
    readonly kind: "text";
    readonly name: string;
    readonly form: WasmTextForm;
    /** Address and length as two numbers; the address of those two; the address of text that ends with a zero byte. */
    readonly pass: "pair" | "pointer-to-pair" | "zero-ended";
  };

export type WasmResult =
  | { readonly kind: "nothing" }
  | { readonly kind: "number"; readonly as: WasmScalar; readonly type: WasmNumberType }
  | {
    readonly kind: "text";
    readonly form: WasmTextForm;
    /** `address << 32 | length`; written to where the first parameter points; address of text that ends with a zero byte. */
    readonly pass: "packed" | "out-pointer" | "zero-ended";
  };

/** A core module with a function to call. */
export interface WasmCallPlan {
  readonly kind: "call";
  readonly entry: string;
  readonly arguments: readonly WasmArgument[];
  readonly result: WasmResult;
  /** The exported memory that texts lie in. */
  readonly memory: string | null;
  readonly allocate: string | null;
  readonly free: { readonly name: string; readonly takesLength: boolean } | null;
  /** `_initialize` of a WASI reactor, called once before all. */
  readonly initialize: string | null;
  /** It imports WASI preview 1. */
  readonly wasi: boolean;
}

/** A WASI preview 1 program: JSON on its standard input, the result on its standard output. */
export interface WasmCommandPlan {
  readonly kind: "command";
  /** What it is told it is called. */
  readonly program: string;
  readonly parameters: readonly (string | null)[] | null;
  readonly result: WasmTextForm;
}

/** A component, made into core modules and the JavaScript that couples them. */
export interface WasmComponentPlan {
  readonly kind: "component";
  readonly entry: WasmComponentEntry;
  /** It imports interfaces of WASI 0.2. */
  readonly wasi: boolean;
}

export type WasmComponentEntry =
  /** `wasi:http/incoming-handler`. */
  | { readonly kind: "http" }
  /** `wasi:cli/run`: JSON on its standard input, the result on its standard output. */
  | { readonly kind: "command"; readonly command: WasmCommandPlan }
  | {
    readonly kind: "function";
    /** The exported interface it belongs to, `null` for a function of the world itself. */
    readonly interface: string | null;
    /** As JavaScript writes it: `toUpper`. */
    readonly name: string;
    /** WIT types, such as `option<string>`. */
    readonly parameters: readonly string[];
  };

export type WasmPlan = WasmCallPlan | WasmCommandPlan | WasmComponentPlan;

/** What a memory's instances import it from; its name is its number. No author's module can: it is not WASI. */
export const wasmMemoryModule = "orla:memory";

/** In pages of 64 KiB, as `WebAssembly.Memory` takes them. */
export interface WasmMemoryLimits {
  readonly initial: number;
  readonly maximum?: number;
}
