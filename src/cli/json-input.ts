/** JSON that a command is given: on the command line, or with `-` on standard input. */
import process from "node:process";
import { createInterface } from "node:readline";
import { OrlaError } from "../base/errors.ts";

/** Throws `invalid_option` for an argument, `invalid_request` for an input, that is not JSON. */
export async function readJson(written: string | undefined, what: string): Promise<unknown> {
  if (written === undefined) return null;
  if (written !== "-") return parse(written, "invalid_option", what);
  const text = await new Response(Deno.stdin.readable).text();
  return parse(text, "invalid_request", "standard input");
}

export interface JsonLine {
  readonly value: unknown;
  /** Characters. */
  readonly length: number;
}

/** Standard input, a value on each line that is not empty. Throws `invalid_request`. */
export async function* readJsonLines(): AsyncGenerator<JsonLine> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    number++;
    if (line.trim() === "") continue;
    const value = parse(line, "invalid_request", `line ${number} of standard input`);
    yield { value, length: line.length };
  }
}

function parse(text: string, code: "invalid_option" | "invalid_request", what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OrlaError(code, `${what} is not JSON: ${why}`, {
      ...{ cause, hint: `A text needs quotes of its own: '"hello"'.` },
    });
  }
}
