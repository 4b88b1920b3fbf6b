/** CREATE and ALTER EDGE FUNCTION: the definitions that the database's operations take. */
import { isDeepStrictEqual } from "node:util";
import { OrlaError, toOrlaError } from "../base/errors.ts";
import type { CompileInput } from "../functions/compile.ts";
import type {
  CompiledModule,
  FunctionOptions,
  FunctionVersion,
  Language,
} from "../functions/function.ts";
import { parseLanguage } from "../functions/language.ts";
import { parseAllOptions, parseOptions, withDefaults } from "../functions/options.ts";
import type { AlterFunction, CodeNode, CreateFunction } from "../sql/ast.ts";
import { characterPosition } from "./rewrite.ts";
import { namePlace } from "./translate-trigger.ts";

/** As `functions/` compiles: in place, or in a thread of its own. */
export type CompileCode = (input: CompileInput) => CompiledModule | Promise<CompiledModule>;

export interface FunctionServices {
  readonly compile: CompileCode;
  /** The function as it was last committed, if it is clear which is meant without a search_path. */
  readonly current?: (schema: string | null, name: string) => FunctionVersion | undefined;
  /** Throws OrlaError where a function would ask for what this node does not have. */
  readonly checkOptions?: (language: Language, options: FunctionOptions) => Promise<void>;
}

export async function createDefinition(
  text: string,
  statement: CreateFunction,
  { compile }: FunctionServices,
): Promise<unknown> {
  const language = requiredLanguage(statement);
  const options = parseAllOptions(statement.options);
  const code = requiredCode(statement);
  const { name, orReplace, parameters, returns } = statement;
  let module: CompiledModule;
  try {
    module = await compile({
      ...{ code: code.text, language, name: name.name, parameters, options },
      returns: returns?.type ?? null,
    });
  } catch (thrown) {
    throw placedInText(thrown, code);
  }
  return {
    ...namePlace(text, name),
    orReplace,
    language,
    parameters: parameters?.map(({ name, type, span }) => ({
      name,
      type,
      position: characterPosition(text, span.start),
    })) ?? null,
    returns: returns?.type ?? null,
    returnsPosition: returns === null ? null : characterPosition(text, returns.span.start),
    code: code.text,
    module,
    options,
  };
}

export async function alterDefinition(
  text: string,
  statement: AlterFunction,
  services: FunctionServices,
): Promise<unknown> {
  const { code, name } = statement;
  const changes = parseOptions(statement.options);
  const current = services.current?.(name.schema, name.name);
  const options = { ...current?.options ?? withDefaults({}), ...changes };
  const definition = { ...namePlace(text, name), options: changes };
  if (code === null) {
    if (current !== undefined) await services.checkOptions?.(current.language, options);
    return definition;
  }
  const compileAs = async (language: Language, parameters: CompileInput["parameters"]) => {
    const returns = current?.returns ?? null;
    const input = { code: code.text, language, name: name.name, parameters, returns, options };
    try {
      return await services.compile(input);
    } catch (thrown) {
      return { error: errorFields(text, placedInText(thrown, code), code.span.start) };
    }
  };
  const modules = await compileForAll(current, compileAs);
  return { ...definition, code: code.text, modules };
}

type CompileAs = (
  language: Language,
  parameters: CompileInput["parameters"],
) => Promise<CompiledModule | { readonly error: unknown }>;

/** Two that share a compiler, which takes no time worth saving. */
const SCRIPTS: readonly Language[] = ["javascript", "typescript"];

const LANGUAGES: readonly Language[] = [...SCRIPTS, "python"];

/** Whether a function declares parameters is all that compiling scripts wants to know about them. */
const SOME_PARAMETERS: CompileInput["parameters"] = [{ name: null }];

/**
 * Only the database knows, within the client's transaction, which language the function has and whether
 * it declares parameters. So code is compiled for every case that there can be, and the database takes
 * the module that fits, or raises its error. What was committed last spares the slower compilers.
 */
async function compileForAll(
  current: FunctionVersion | undefined,
  compileAs: CompileAs,
): Promise<Record<string, unknown>> {
  const modules: Record<string, unknown> = {};
  if (current !== undefined && !SCRIPTS.includes(current.language)) {
    modules[current.language] = await compileAs(current.language, current.parameters);
    return modules;
  }
  for (const language of current === undefined ? LANGUAGES : SCRIPTS) {
    const without = await compileAs(language, null);
    modules[language] = without;
    if (!SCRIPTS.includes(language)) continue;
    const withSome = await compileAs(language, SOME_PARAMETERS);
    if (!isDeepStrictEqual(without, withSome)) modules[`${language}WithParameters`] = withSome;
  }
  return modules;
}

function requiredLanguage({ language, name }: CreateFunction): Language {
  if (language !== null) return parseLanguage(language.name, language.span.start);
  throw new OrlaError("syntax_error", "the function has no LANGUAGE", {
    position: name.span.start,
    hint: "Say LANGUAGE javascript, typescript, python or wasm.",
  });
}

function requiredCode({ code, name }: CreateFunction): CodeNode {
  if (code !== null) return code;
  throw new OrlaError("syntax_error", "the function has no code", {
    position: name.span.start,
    hint: "Give it at the end: AS $$ … $$.",
  });
}

/** An error in the code, placed in the statement: inside the code where that stands as it is. */
function placedInText(thrown: unknown, code: CodeNode): OrlaError {
  const error = toOrlaError(thrown);
  const inside = code.verbatim ? error.position ?? 0 : 0;
  const { cause, hint, detail, sqlState } = error;
  return new OrlaError(error.code, error.message, {
    cause,
    sqlState,
    position: code.span.start + inside,
    ...(hint === undefined ? {} : { hint }),
    ...(detail === undefined ? {} : { detail }),
  });
}

/** `fallback` is the offset to point at when the error names none. */
export function errorFields(text: string, thrown: unknown, fallback: number): unknown {
  const error = toOrlaError(thrown);
  return {
    sqlstate: error.sqlState,
    message: error.message,
    hint: error.hint,
    detail: error.detail,
    position: characterPosition(text, error.position ?? fallback),
  };
}
