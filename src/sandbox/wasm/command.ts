/** What programs get on their standard input, and what their output means. */
import type { WasmCommandPlan, WasmTextForm } from "../../protocol/wasm-plan.ts";
import { OutputLines } from "./output-lines.ts";
import { decodeText, fromBytes, parseJson } from "./texts.ts";

/** One parameter is the input; several are the fields of an object, or a list where one has no name. */
export function inputOf({ parameters }: WasmCommandPlan, values: unknown[]): unknown {
  if (parameters === null || parameters.length === 1) return values[0] ?? null;
  const fields: Record<string, unknown> = {};
  for (const [index, name] of parameters.entries()) {
    if (name === null) return parameters.map((_, at) => values[at] ?? null);
    fields[name] = values[index] ?? null;
  }
  return fields;
}

const WHAT = "what the program wrote to its standard output";

/** JSON; where the result is no JSON, other text is taken as it is. */
export function resultOf(bytes: Uint8Array, form: WasmTextForm): unknown {
  if (form === "bytes") return fromBytes(bytes, form, WHAT);
  const text = decodeText(bytes, WHAT).replace(/\r?\n$/, "");
  if (text === "") return form === "text" ? "" : null;
  if (form === "json") return parseJson(text, WHAT);
  try {
    const value = parseJson(text, WHAT);
    return form === "any" || typeof value === "string" || value === null ? value : text;
  } catch {
    return text;
  }
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The last lines a program wrote to its error output say why it failed. */
const LAST_WORDS = 1000;

/** A program's error output. */
export class LastWords {
  readonly #lines: OutputLines;
  #text = "";

  constructor(line: (text: string) => void) {
    this.#lines = new OutputLines((text) => {
      this.#text = `${this.#text}${text}\n`.slice(-LAST_WORDS);
      line(text);
    });
  }

  write(bytes: Uint8Array): void {
    this.#lines.write(bytes);
  }

  end(): void {
    this.#lines.end();
  }

  failure(status: number): Error {
    const words = this.#text.trim();
    const error = new Error(
      `the program exited with status ${status}${words === "" ? "" : `: ${words}`}`,
    );
    error.name = "ExitStatus";
    return error;
  }
}
