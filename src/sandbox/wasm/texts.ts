/** Values as the bytes that modules read and write. */
import type { WasmTextForm } from "../../protocol/wasm-plan.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// Both are newer than the types.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const parseWith = JSON.parse as (text: string, reviver: Reviver) => unknown;

export function toBytes(value: unknown, form: WasmTextForm): Uint8Array {
  if (form === "bytes" && value instanceof Uint8Array) return value;
  if (form !== "json" && typeof value === "string") return encoder.encode(value);
  if (form === "text" && typeof value !== "object") return encoder.encode(String(value));
  return encoder.encode(toJson(value));
}

export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner) => {
    if (typeof inner === "bigint") return rawJson(String(inner));
    return inner instanceof Uint8Array ? `\\x${inner.toHex()}` : inner;
  }) ?? "null";
}

/** The bytes may change afterwards. `what` names them in messages. */
export function fromBytes(bytes: Uint8Array, form: WasmTextForm, what: string): unknown {
  if (form === "bytes") return bytes.slice();
  const text = decodeText(bytes, what);
  if (form === "text") return text;
  if (form === "any" && !/^\s*[[{]/.test(text)) return text;
  return parseJson(text, what);
}

export function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new TypeError(`${what} is not UTF-8`);
  }
}

/** Whole numbers stay exact whatever their length. */
export function parseJson(text: string, what: string): unknown {
  try {
    if (!/\d{16}/.test(text)) return JSON.parse(text);
    return parseWith(text, (_key, value, { source }) => {
      const inexact = typeof value === "number" && !Number.isSafeInteger(value);
      return inexact && source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
    });
  } catch (error) {
    const start = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    throw new SyntaxError(`${what} is not JSON: ${start}`, { cause: error });
  }
}
