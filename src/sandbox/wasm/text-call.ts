/** Calls a function of texts, and of numbers beside them. */
import type { WasmArgument, WasmCallPlan, WasmResult } from "../../protocol/wasm-plan.ts";
import { LinearMemory } from "./linear-memory.ts";
import { type Call, type Handler, handlerOf, numberCall } from "./number-call.ts";
import { fromWasm, toWasm } from "./numbers.ts";
import { functionOf, type WasmProgram } from "./program.ts";
import { fromBytes, toBytes } from "./texts.ts";

/** Of either kind. */
export function handlerFor(plan: WasmCallPlan, program: WasmProgram): Handler {
  const { memory } = plan;
  const call = memory === null || !hasTexts(plan)
    ? numberCall(plan, program)
    : textCall({ ...plan, memory }, program);
  return handlerOf(plan, program, call);
}

function hasTexts(plan: WasmCallPlan): boolean {
  return plan.result.kind === "text" || plan.arguments.some(({ kind }) => kind === "text");
}

/** As much as a module that cannot give memory back may take before it starts anew. */
const LEAK_BYTES = 16 << 20;

/** A word that no length and no capacity can be. */
const UNTOUCHED = 0xffff_ffff;

type TextPlan = WasmCallPlan & { readonly memory: string };

function textCall(plan: TextPlan, program: WasmProgram): Call {
  const byOutPointer = plan.result.kind === "text" && plan.result.pass === "out-pointer";
  let instance: WebAssembly.Instance | undefined;
  let memory: LinearMemory;
  return (values) => {
    const texts = plan.arguments.map((argument, index) =>
      argument.kind === "text" ? encodeText(argument, values[index]) : null
    );
    const numbers = plan.arguments.map((argument, index) =>
      argument.kind === "number" ? toWasm(argument, values[index]) : 0
    );
    if (instance !== program.instance()) {
      instance = program.instance();
      memory = new LinearMemory(instance, plan);
    }
    const places = new Places(plan, memory, texts);
    const words = plan.arguments.flatMap((argument, index) =>
      argument.kind === "number" ? [numbers[index] as number] : places.passed(index) // in range
    );
    if (byOutPointer) words.unshift(places.out);
    const returned = functionOf(instance, plan.entry)(...words);
    const result = readResult(plan.result, returned, places.out, memory);
    places.release(result.address);
    if (result.address !== null) memory.release(result.address, result.bytes, false);
    // The host asks for nothing twice: a module without `free` keeps every result it made.
    if (plan.free === null && memory.grownBytes > LEAK_BYTES) program.discard();
    return result.value;
  };
}

function encodeText(
  { form, pass, name }: Extract<WasmArgument, { kind: "text" }>,
  value: unknown,
): Uint8Array {
  const bytes = toBytes(value ?? null, form);
  if (pass !== "zero-ended") return bytes;
  if (bytes.includes(0)) throw new TypeError(`${name} holds a zero byte, at which C would end it`);
  const ended = new Uint8Array(bytes.length + 1);
  ended.set(bytes);
  return ended;
}

/** Where one call's texts lie. */
class Places {
  readonly #memory: LinearMemory;
  readonly #plan: TextPlan;
  readonly #texts: readonly (Uint8Array | null)[];
  readonly #sizes: number[] = [];
  readonly #addresses: number[];
  /** By argument, into sizes and addresses. */
  readonly #textAt: number[] = [];
  readonly #pairAt: number[] = [];
  /** Three words for the result. */
  readonly out: number;

  constructor(plan: TextPlan, memory: LinearMemory, texts: readonly (Uint8Array | null)[]) {
    this.#memory = memory;
    this.#plan = plan;
    this.#texts = texts;
    const outAt = this.#sizes.push(12) - 1;
    plan.arguments.forEach((argument, index) => {
      const text = texts[index];
      if (argument.kind !== "text" || text === null || text === undefined) return;
      this.#textAt[index] = this.#sizes.push(text.length) - 1;
      if (argument.pass === "pointer-to-pair") this.#pairAt[index] = this.#sizes.push(8) - 1;
    });
    this.#addresses = memory.reserve(this.#sizes);
    this.out = this.#address(outAt);
    memory.writeWords(this.out, [UNTOUCHED, UNTOUCHED, UNTOUCHED]);
    texts.forEach((text, index) => {
      if (text === null) return;
      const address = this.#address(this.#textAt[index]);
      memory.write(address, text);
      const pair = this.#pairAt[index];
      if (pair !== undefined) memory.writeWords(this.#address(pair), [address, text.length]);
    });
  }

  /** What the function gets for a text. */
  passed(index: number): number[] {
    const argument = this.#plan.arguments[index];
    const address = this.#address(this.#textAt[index]);
    if (argument?.kind !== "text") return [];
    switch (argument.pass) {
      case "pair":
        return [address, this.#texts[index]?.length ?? 0];
      case "pointer-to-pair":
        return [this.#address(this.#pairAt[index])];
      case "zero-ended":
        return [address];
    }
  }

  /** All but the one that the function gave back as its result. */
  release(kept: number | null): void {
    this.#addresses.forEach((address, index) => {
      if (address !== kept) this.#memory.release(address, this.#sizes[index] ?? 0, true);
    });
  }

  #address(index: number | undefined): number {
    return this.#addresses[index ?? -1] ?? 0;
  }
}

interface Returned {
  readonly value: unknown;
  /** Of the block to give back, `null` when there is none. */
  readonly address: number | null;
  readonly bytes: number;
}

const WHAT = "the text that the function returned";

function readResult(
  result: WasmResult,
  returned: number | bigint | undefined,
  out: number,
  memory: LinearMemory,
): Returned {
  switch (result.kind) {
    case "nothing":
      return { value: null, address: null, bytes: 0 };
    case "number":
      return { value: fromWasm(result, returned), address: null, bytes: 0 };
    case "text": {
      switch (result.pass) {
        case "zero-ended": {
          const address = Number(returned) >>> 0;
          // NULL of C is that of SQL.
          if (address === 0) return { value: null, address: null, bytes: 0 };
          const bytes = memory.readToZero(address);
          const value = fromBytes(bytes, result.form, WHAT);
          return { value, address, bytes: bytes.length + 1 };
        }
        case "packed": {
          const packed = BigInt.asUintN(64, returned as bigint); // an i64
          const [address, length] = [Number(packed >> 32n), Number(packed & 0xffff_ffffn)];
          return block(memory, address, length, length, result.form);
        }
        case "out-pointer": {
          const { address, length, capacity } = readOut(memory, out);
          return block(memory, address, length, capacity, result.form);
        }
      }
    }
  }
}

function block(
  memory: LinearMemory,
  address: number,
  length: number,
  capacity: number,
  form: Extract<WasmResult, { kind: "text" }>["form"],
): Returned {
  const value = fromBytes(
    length === 0 ? new Uint8Array() : memory.read(address, length),
    form,
    WHAT,
  );
  return { value, address: capacity === 0 ? null : address, bytes: capacity };
}

/**
 * What was written where the result belongs: an address and a length, or Rust's `String` and `Vec`.
 * These have a third word, their length, and the first two in an order that Rust leaves open: address
 * and capacity up to 1.76, capacity and address since. The address is the one that can be one.
 */
function readOut(
  memory: LinearMemory,
  out: number,
): { address: number; length: number; capacity: number } {
  const [first = 0, second = 0, third = 0] = memory.readWords(out, 3);
  if (first === UNTOUCHED && second === UNTOUCHED) {
    throw new TypeError("the function wrote no result to where its first parameter points");
  }
  if (third === UNTOUCHED) return { address: first, length: second, capacity: second };
  const length = third;
  if (length === 0) return { address: 0, length, capacity: 0 };
  const fits = (address: number, capacity: number) =>
    capacity >= length && memory.holdsOnHeap(address, capacity);
  const [oldOrder, newOrder] = [fits(first, second), fits(second, first)];
  if (!oldOrder && !newOrder) {
    throw new TypeError("the function's result is neither an address and a length nor a String");
  }
  // Where both could be, the heap's addresses are larger than what it holds.
  const isNew = oldOrder && newOrder ? second > first : newOrder;
  return isNew
    ? { address: second, length, capacity: first }
    : { address: first, length, capacity: second };
}
