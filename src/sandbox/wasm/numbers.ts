/** SQL values as WebAssembly numbers, and back. Types hold nobody to anything over HTTP: this does. */
import type { WasmArgument, WasmResult } from "../../protocol/wasm-plan.ts";
import { InvalidInput } from "./invalid-input.ts";

type NumberArgument = Extract<WasmArgument, { kind: "number" }>;
type NumberResult = Extract<WasmResult, { kind: "number" }>;

const ranges = {
  smallint: [-(2n ** 15n), 2n ** 15n - 1n],
  integer: [-(2n ** 31n), 2n ** 31n - 1n],
  bigint: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

export function toWasm(argument: NumberArgument, value: unknown): number | bigint {
  const { name, as, type } = argument;
  switch (as) {
    case "boolean":
      if (typeof value === "boolean") return value ? 1 : 0;
      throw new InvalidInput(`${name} must be true or false, not ${shown(value)}`);
    case "real":
    case "double":
    case "number":
      if (typeof value === "number") return value;
      throw new InvalidInput(`${name} must be a number, not ${shown(value)}`);
    case "smallint":
    case "integer":
    case "bigint": {
      if (typeof value !== "bigint" && !Number.isInteger(value)) {
        throw new InvalidInput(`${name} must be a whole number, not ${shown(value)}`);
      }
      const whole = BigInt(value as number | bigint); // just checked
      const [least, most] = ranges[as];
      if (whole < least || whole > most) {
        throw new InvalidInput(`${name} is out of range for ${as}: ${whole}`);
      }
      return type === "i64" ? whole : Number(whole);
    }
  }
}

export function fromWasm(result: NumberResult, value: unknown): unknown {
  const { as } = result;
  switch (as) {
    case "boolean":
      return value !== 0;
    case "real":
    case "double":
    case "number":
      return value;
    case "smallint":
    case "integer":
    case "bigint": {
      const whole = BigInt(value as number | bigint); // an i32 or i64
      const [least, most] = ranges[as];
      if (whole < least || whole > most) {
        throw new RangeError(`the result ${whole} is out of range for ${as}`);
      }
      return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
    }
  }
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "an array" : "an object";
  }
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
