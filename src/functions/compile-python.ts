/**
 * Python functions at CREATE: their code is read by the interpreter that will run it, and what they ask of
 * the node (PYTHON_ENV, REQUIREMENTS, FILES) must be there. Nothing is translated: instances get the
 * code as its author wrote it.
 */
import { OrlaError } from "../base/errors.ts";
import { codeError, offsetOf, type Source } from "./compile-diagnostic.ts";
import { type CompileInput, maxModuleBytes } from "./compile.ts";
import { resolveFiles } from "./function-files.ts";
import type { CompiledModule, FunctionOptions } from "./function.ts";
import { findPythonEnvironment, type PythonEnvironment } from "./python-environment.ts";
import {
  PythonReader,
  type PythonReaderOptions,
  type ReadAnswer,
  ReaderFailure,
  type ReadRequest,
} from "./python-reader.ts";

/** What a function asks of its node. */
export type PythonDemands = Pick<
  FunctionOptions,
  "pythonEnv" | "requirements" | "files" | "handler"
>;

export interface PythonCompilerOptions extends PythonReaderOptions {
  readonly environments: readonly PythonEnvironment[];
  /** Throws where Python functions are not to run on this node. */
  readonly check: () => void;
  readonly filesDir: string | null;
  /** Instances have users of their own. */
  readonly ownUser: boolean;
}

export class PythonCompiler implements AsyncDisposable {
  readonly #options: PythonCompilerOptions;
  readonly #readers = new Map<string, PythonReader>();

  constructor(options: PythonCompilerOptions) {
    this.#options = options;
  }

  /** As `compileModule`; also `invalid_option` and `not_supported` for what this node does not have. */
  async compile(input: CompileInput, demands: PythonDemands): Promise<CompiledModule> {
    const { code, name } = input;
    this.#options.check();
    const environment = findPythonEnvironment(this.#options.environments, demands.pythonEnv);
    const bytes = new TextEncoder().encode(code).length;
    if (bytes > maxModuleBytes) {
      throw new OrlaError(
        "payload_too_large",
        `the code of function ${name} has ${bytes} bytes; at most ${maxModuleBytes} are allowed`,
      );
    }
    await this.#checkFiles(demands.files);
    const answer = await this.#read(environment, { name, code }, {
      code,
      parameters: demands.handler === "auto" ? input.parameters?.length ?? null : null,
      requirements: demands.requirements,
    });
    return { code, sourceMap: null, style: styleOf(answer, environment, { name, code }) };
  }

  /** Of a function whose code stays as it is. */
  async checkDemands(demands: PythonDemands): Promise<void> {
    const environment = findPythonEnvironment(this.#options.environments, demands.pythonEnv);
    await this.#checkFiles(demands.files);
    if (demands.requirements.length === 0) return;
    const source = { name: "", code: "def main(): pass" };
    const request = { code: source.code, parameters: null, requirements: demands.requirements };
    styleOf(await this.#read(environment, source, request), environment, source);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#readers.values()].map((reader) => reader[Symbol.asyncDispose]()));
  }

  async #checkFiles(files: readonly string[]): Promise<void> {
    const { filesDir, ownUser } = this.#options;
    await resolveFiles(filesDir, files, { forEveryUser: ownUser });
  }

  async #read(
    { name, interpreter }: PythonEnvironment,
    source: Source,
    request: ReadRequest,
  ): Promise<ReadAnswer> {
    let reader = this.#readers.get(interpreter);
    if (reader === undefined) {
      reader = new PythonReader(interpreter, this.#options);
      this.#readers.set(interpreter, reader);
    }
    try {
      return await reader.read(request);
    } catch (error) {
      throw error instanceof ReaderFailure ? readError(error, source, name) : error;
    }
  }
}

function styleOf(
  answer: ReadAnswer,
  environment: PythonEnvironment,
  source: Source,
): CompiledModule["style"] {
  if ("style" in answer) return answer.style;
  if ("missing" in answer) {
    throw new OrlaError(
      "invalid_option",
      `the Python environment ${environment.name} lacks ${answer.missing.join(", ")}`,
      {
        hint: "Nothing is installed by itself: use pip of that environment, " +
          `${environment.interpreter} -m pip install …`,
      },
    );
  }
  const { title, message, line, column, hint } = answer.error;
  if (title === "NoHandler") {
    throw new OrlaError("invalid_code", `the code of function ${source.name} has no handler`, {
      detail: "Looked for main, handler and fetch at the top level.",
      position: 0,
      ...hint === null ? {} : { hint },
    });
  }
  throw codeError(source, {
    code: "invalid_code",
    title,
    message,
    offset: offsetOf(source.code, line, column),
    hint: hint ?? undefined,
  });
}

function readError({ why, message }: ReaderFailure, source: Source, environment: string) {
  switch (why) {
    case "timeout":
      return new OrlaError(
        "invalid_code",
        `the code of function ${source.name} does not compile in time: ${message}`,
        { position: 0 },
      );
    case "ended":
      return new OrlaError(
        "invalid_code",
        `the code of function ${source.name} makes Python's compiler crash`,
        { hint: "Deeply nested expressions can be the reason.", position: 0 },
      );
    case "not started":
      return new OrlaError(
        "unavailable",
        `Python does not start in environment ${environment}: ${message}`,
        { hint: "ORLA_PYTHON and ORLA_PYTHON_ENVS must name Python 3.9 or newer." },
      );
  }
}
