/** `bytea` as Postgres prints it in JSON: `"\\x48656c6c6f"`. */
import { uncurryThis } from "../../protocol/primordials.ts";

const charCodeAt = uncurryThis(String.prototype.charCodeAt);
const Bytes = Uint8Array;
const Buffers = ArrayBuffer;
const digits = "0123456789abcdef";

/** The text itself when it is no hexadecimal bytea. */
export function decodeBytes(text: string): Uint8Array | string {
  if (text.length % 2 !== 0 || text[0] !== "\\" || text[1] !== "x") return text;
  const bytes = new Bytes(text.length / 2 - 1);
  for (let i = 0; i < bytes.length; i++) {
    const high = nibble(charCodeAt(text, 2 + 2 * i));
    const low = nibble(charCodeAt(text, 3 + 2 * i));
    if (high < 0 || low < 0) return text;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

/** `undefined` for what holds no bytes. */
export function encodeBytes(value: object): string | undefined {
  const bytes = value instanceof Buffers ? new Bytes(value) : value;
  if (!(bytes instanceof Bytes)) return undefined;
  let text = "\\x";
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number; // in range
    text += (digits[byte >>> 4] as string) + (digits[byte & 15] as string);
  }
  return text;
}

function nibble(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}
