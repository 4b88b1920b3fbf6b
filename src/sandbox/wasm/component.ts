/** Calls components, whose JavaScript jco made when the function was created. */
import type { WasmComponentEntry } from "../../protocol/wasm-plan.ts";
import { DroppedMemory } from "./dropped-memory.ts";
import { InvalidInput } from "./invalid-input.ts";
import { toJson } from "./texts.ts";

/** `instantiate` of the generated JavaScript. With functions that answer at once it does so, too. */
export type Instantiate = (
  getCoreModule: (name: string) => WebAssembly.Module,
  imports: Readonly<Record<string, unknown>>,
  instantiateCore: (
    module: WebAssembly.Module,
    imports: WebAssembly.Imports,
  ) => WebAssembly.Instance,
) => unknown;

export interface ComponentOptions {
  readonly instantiate: Instantiate;
  /** Reads a file beside the module. */
  readonly read: (name: string) => Uint8Array<ArrayBuffer>;
  /** The function's MEMORY. */
  readonly memoryMb: number;
  readonly log: { log(line: string): void; error(line: string): void };
}

export type Exports = Readonly<Record<string, unknown>>;

export interface ComponentInstance {
  readonly exports: Exports;
  /** Bytes that its memories have grown by since it is there. */
  grownBytes(): number;
  /** It is not used any more. */
  drop(): void;
}

export type MakeInstance = () => Promise<ComponentInstance>;

/** A component's JavaScript and stack, and what they hold, beside its own memory. */
const BESIDE_BYTES = 4 << 20;

/** {@link MAX_INSTANCES} may live beside it. */
const DROPPED_SHARE = 1 / 4;

/** Makes instances; the core modules are compiled once. All are read now: later nothing can be. */
export function componentMaker(
  { instantiate, read, memoryMb }: ComponentOptions,
): (imports: Readonly<Record<string, unknown>>) => Promise<ComponentInstance> {
  const modules: Record<string, WebAssembly.Module> = {};
  const compile = (name: string) => modules[name] ??= new WebAssembly.Module(read(name));
  const dropped = new DroppedMemory(memoryMb, DROPPED_SHARE);
  return async (imports) => {
    dropped.makeRoom();
    const memories: { readonly memory: WebAssembly.Memory; readonly startBytes: number }[] = [];
    const start = (module: WebAssembly.Module, coreImports: WebAssembly.Imports) => {
      const instance = new WebAssembly.Instance(module, coreImports);
      for (const memory of Object.values(instance.exports)) {
        if (!(memory instanceof WebAssembly.Memory)) continue;
        memories.push({ memory, startBytes: memory.buffer.byteLength });
      }
      return instance;
    };
    const exports = await instantiate(compile, imports, start) as Exports;
    const sum = (bytesOf: (memory: typeof memories[number]) => number) =>
      memories.reduce((bytes, memory) => bytes + bytesOf(memory), 0);
    return {
      exports,
      grownBytes: () => sum(({ memory, startBytes }) => memory.buffer.byteLength - startBytes),
      drop: () => dropped.add(BESIDE_BYTES + sum(({ memory }) => memory.buffer.byteLength)),
    };
  };
}

/** As much as an instance may grow and be used again: what it holds by then may be mostly garbage. */
const REUSE_BYTES = 16 << 20;

/**
 * Resources that the component does not drop are held by the JavaScript around it for as long as the
 * instance lives: a request that is forgotten takes some 5 KB.
 */
const REUSE_CALLS = 200;

/** Each takes {@link BESIDE_BYTES} and its memory. */
const MAX_INSTANCES = 8;

/** Lets so many calls have an instance at a time; the others wait, first come first. */
export class InstanceTurns {
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#busy === MAX_INSTANCES) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#busy++;
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      // A call that goes leaves its place to one that waits.
      if (next === undefined) this.#busy--;
      else next();
    }
  }
}

interface UsedInstance {
  readonly instance: ComponentInstance;
  readonly calls: number;
}

/**
 * Instances that wait for calls. A component runs one at a time, even where that waits: a call that
 * comes meanwhile gets another instance. One that failed is not used again.
 */
export class ComponentPool {
  readonly #make: MakeInstance;
  readonly #idle: UsedInstance[];
  readonly #turns = new InstanceTurns();

  constructor(make: MakeInstance, first: ComponentInstance) {
    this.#make = make;
    this.#idle = [{ instance: first, calls: 0 }];
  }

  use<T>(run: (exports: Exports) => Promise<T> | T): Promise<T> {
    return this.#turns.take(async () => {
      const { instance, calls } = this.#idle.pop() ?? { instance: await this.#make(), calls: 0 };
      let result: T;
      try {
        result = await run(instance.exports);
      } catch (thrown) {
        instance.drop();
        throw asError(thrown);
      }
      const used = { instance, calls: calls + 1 };
      if (used.calls < REUSE_CALLS && instance.grownBytes() < REUSE_BYTES) this.#idle.push(used);
      else instance.drop();
      return result;
    });
  }
}

type FunctionEntry = Extract<WasmComponentEntry, { kind: "function" }>;

export function functionHandler(
  entry: FunctionEntry,
  pool: ComponentPool,
): (...values: unknown[]) => Promise<unknown> {
  return (...values) => {
    const args = entry.parameters.map((type, index) => toComponent(values[index], type, index));
    return pool.use(async (exports) => {
      const owner = entry.interface === null ? exports : exports[entry.interface] as Exports;
      const call = owner[entry.name] as (...args: unknown[]) => unknown;
      return fromComponent(await call(...args));
    });
  };
}

/** A SQL value as jco takes values of the WIT type; what lies within lists and records is JSON's. */
function toComponent(value: unknown, type: string, index: number): unknown {
  const wrong = (what: string) =>
    new InvalidInput(`argument ${index + 1} must be ${what}, as ${type} is`);
  const option = /^option<(.*)>$/s.exec(type);
  if (option !== null) {
    const missing = value === null || value === undefined;
    return missing ? undefined : toComponent(value, option[1] ?? "", index);
  }
  switch (type) {
    case "string":
    case "char":
      return typeof value === "string" ? value : toJson(value);
    case "bool":
      if (typeof value !== "boolean") throw wrong("true or false");
      return value;
    case "s64":
    case "u64":
      if (typeof value !== "bigint" && !Number.isInteger(value)) throw wrong("a whole number");
      return BigInt(value as number | bigint); // just checked
    case "f32":
    case "f64":
      if (typeof value !== "number") throw wrong("a number");
      return value;
    case "s8":
    case "s16":
    case "s32":
    case "u8":
    case "u16":
    case "u32":
      if (!Number.isInteger(value)) throw wrong("a whole number");
      return inRange(value as number, type, wrong);
    case "list<u8>":
      return typeof value === "string" ? new TextEncoder().encode(value) : value;
    default:
      return value;
  }
}

/** jco would take what fits of a number that is too large. */
function inRange(value: number, type: string, wrong: (what: string) => Error): number {
  const bits = Number(type.slice(1));
  const [least, most] = type.startsWith("s")
    ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
    : [0, 2 ** bits - 1];
  if (value < least || value > most) throw wrong(`from ${least} to ${most}`);
  return value;
}

/** Lists of numbers come as typed arrays, which JSON would write as objects. */
function fromComponent(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return Array.from(value as Int32Array, fromComponent);
  if (Array.isArray(value)) return value.map(fromComponent);
  const fields: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) fields[name] = fromComponent(inner);
  return fields;
}

/** `result<_, E>` throws its E, whatever that is. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === "string" ? thrown : toJson(thrown));
}
