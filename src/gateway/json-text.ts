/**
 * Checks that a text is JSON, and says where it is not.
 *
 * `JSON.parse` is the judge; V8's messages carry a position only for some mistakes, so that of the
 * rest is found by reading the text once more, by the grammar of RFC 8259.
 */
import { OrlaError } from "../base/errors.ts";

/** Throws `invalid_request` with the offset, line and column of the first character that does not fit. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const position = jsonErrorPosition(text);
    const before = text.slice(0, position).split("\n");
    const column = (before.at(-1)?.length ?? 0) + 1;
    throw new OrlaError(
      "invalid_request",
      position >= text.length
        ? `The body is not JSON: it ends too early, at line ${before.length}, column ${column}.`
        : `The body is not JSON: unexpected ${
          JSON.stringify(String.fromCodePoint(text.codePointAt(position) ?? 0))
        } at line ${before.length}, column ${column}.`,
      { cause, position },
    );
  }
}

/** As `parseJson`, but numbers that no double holds keep their digits when they are written as JSON. */
export function parseJsonExactly(text: string): unknown {
  const value = parseJson(text);
  return /\d{16}/.test(text) ? JSON.parse(text, keepDigits) : value;
}

function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return Number.isSafeInteger(value) ? value : rawJson(source);
}

// TypeScript's library does not know it yet.
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

const blank = /[ \t\n\r]*/y;
const scalar =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** The offset of the first token that does not fit; the text's length when something is missing. */
export function jsonErrorPosition(text: string): number {
  let at = 0;
  /** What encloses the current place, innermost last. */
  const open: ("{" | "[")[] = [];
  let expected: "value" | "value or ]" | "key" | "key or }" | "colon" | "comma or end" = "value";

  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return false;
    at += match[0].length;
    return true;
  };
  const close = (): void => {
    open.pop();
    at++;
    expected = "comma or end";
  };

  for (;;) {
    take(blank);
    const char = text[at];
    const inside = open.at(-1);
    switch (expected) {
      case "value":
      case "value or ]":
        if (char === "]" && expected === "value or ]") close();
        else if (char === "{" || char === "[") {
          open.push(char);
          at++;
          expected = char === "{" ? "key or }" : "value or ]";
        } else if (take(scalar)) expected = "comma or end";
        else return at;
        break;
      case "key":
      case "key or }":
        if (char === "}" && expected === "key or }") close();
        else if (char === '"' && take(scalar)) expected = "colon";
        else return at;
        break;
      case "colon":
        if (char !== ":") return at;
        at++;
        expected = "value";
        break;
      case "comma or end":
        if (char === "," && inside !== undefined) {
          at++;
          expected = inside === "{" ? "key" : "value";
        } else if ((char === "}" && inside === "{") || (char === "]" && inside === "[")) close();
        else return at;
        break;
    }
  }
}
