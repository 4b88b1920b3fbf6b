/** Entry of the loader for WASI programs: each call runs the program from its start, in fresh memory. */
import type { WasmCommandPlan, WasmTextForm } from "../../protocol/wasm-plan.ts";
import type { LoadOptions } from "./load-options.ts";
import { OutputLines } from "./output-lines.ts";
import { functionOf, WasmProgram } from "./program.ts";
import { decodeText, fromBytes, parseJson, toJson } from "./texts.ts";
import { Wasi, WasiExit } from "./wasi.ts";

/** The last lines a program wrote to its error output say why it failed. */
const LAST_WORDS = 1000;

export function load(plan: WasmCommandPlan, { bytes, log }: LoadOptions) {
  const encoder = new TextEncoder();
  let stdin = new Uint8Array();
  let output: Uint8Array[] = [];
  let lastWords = "";
  const errors = new OutputLines((line) => {
    lastWords = `${lastWords}${line}\n`.slice(-LAST_WORDS);
    log.error(line);
  });
  const program = new WasmProgram(bytes, () => {
    const wasi = new Wasi({
      args: [plan.program],
      env: Deno.env.toObject(),
      stdin,
      write: (descriptor, chunk) => {
        if (descriptor === 1) output.push(chunk.slice());
        else errors.write(chunk);
      },
    });
    return {
      imports: { wasi_snapshot_preview1: wasi.imports },
      ready: (instance) => wasi.ready(instance),
    };
  }, null);
  return (...values: unknown[]) => {
    stdin = encoder.encode(toJson(inputOf(plan, values)));
    output = [];
    lastWords = "";
    try {
      functionOf(program.fresh(), "_start")();
    } catch (thrown) {
      if (!(thrown instanceof WasiExit)) throw thrown;
      if (thrown.status !== 0) throw failed(thrown.status, lastWords.trim());
    } finally {
      errors.end();
    }
    return resultOf(joined(output), plan.result);
  };
}

/** One parameter is the input; several are the fields of an object, or a list where one has no name. */
function inputOf({ parameters }: WasmCommandPlan, values: unknown[]): unknown {
  if (parameters === null || parameters.length === 1) return values[0] ?? null;
  const fields: Record<string, unknown> = {};
  for (const [index, name] of parameters.entries()) {
    if (name === null) return parameters.map((_, at) => values[at] ?? null);
    fields[name] = values[index] ?? null;
  }
  return fields;
}

function failed(status: number, lastWords: string): Error {
  const error = new Error(
    `the program exited with status ${status}${lastWords === "" ? "" : `: ${lastWords}`}`,
  );
  error.name = "ExitStatus";
  return error;
}

const WHAT = "what the program wrote to its standard output";

/** JSON; where the result is no JSON, other text is taken as it is. */
function resultOf(bytes: Uint8Array, form: WasmTextForm): unknown {
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

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
