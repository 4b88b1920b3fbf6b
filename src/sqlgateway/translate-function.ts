/** CREATE and ALTER EDGE FUNCTION: the definitions that the database's operations take. */
import { isDeepStrictEqual } from "node:util";
import { OrlaError, toOrlaError } from "../base/errors.ts";
import type { FetchedSource, SourceRequest } from "../functions/code-source.ts";
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
  /** The code behind SOURCE. Throws OrlaError when there is none. */
  readonly fetchSource?: (request: SourceRequest) => Promise<FetchedSource>;
  /** Throws OrlaError where a function would ask for what this node does not have. */
  readonly checkOptions?: (language: Language, options: FunctionOptions) => Promise<void>;
}

/** As one session has them. */
export interface SessionServices extends FunctionServices {
  readonly sessionUser: string | null;
}

export async function createDefinition(
  text: string,
  statement: CreateFunction,
  services: SessionServices,
): Promise<unknown> {
  const language = requiredLanguage(statement);
  const given = parseAllOptions(statement.options);
  const { name, orReplace, parameters, returns } = statement;
  const { code, source } = await codeOf(statement, given, language, services) ??
    missingCode(statement);
  const options = { ...given, source };
  let module: CompiledModule;
  try {
    module = await services.compile({
      ...{ code: code.text, language, name: name.name, parameters, options },
      returns: returns?.type ?? null,
    });
  } catch (thrown) {
    throw placedAtDemand(thrown, statement) ?? placedInText(thrown, code);
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
  services: SessionServices,
): Promise<unknown> {
  const { name } = statement;
  const given = parseOptions(statement.options);
  const current = services.current?.(name.schema, name.name);
  const before = current?.options ?? withDefaults({});
  const wanted = { ...before, source: null, ...given };
  const found = await codeOf(statement, wanted, current?.language ?? "wasm", services);
  if (found === null) {
    if (given.source === null) throw sourceWithoutCode(statement);
    const options = { ...before, ...given };
    if (current !== undefined) await services.checkOptions?.(current.language, options);
    return { ...namePlace(text, name), options: given };
  }
  const { code, source } = found;
  const options = { ...wanted, source };
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
  return {
    ...namePlace(text, name),
    options: { ...given, source },
    code: code.text,
    modules,
    // What the modules were made for, where that is more than a language.
    signature: current === undefined
      ? null
      : { parameters: current.parameters, returns: current.returns },
  };
}

interface FoundCode {
  readonly code: CodeNode;
  /** Where it came from, `null` when it stands in the statement. */
  readonly source: string | null;
}

/** The statement's code, or what its SOURCE gives; `null` where it names neither. */
async function codeOf(
  statement: CreateFunction | AlterFunction,
  options: FunctionOptions,
  language: Language,
  { fetchSource, sessionUser }: SessionServices,
): Promise<FoundCode | null> {
  const { code, name } = statement;
  const option = statement.options.find((each) => each.name === "SOURCE");
  const { source } = options;
  if (source === null || option === undefined) {
    return code === null ? null : { code, source: null };
  }
  const position = option.valueSpan.start;
  if (code !== null) {
    throw new OrlaError("syntax_error", "SOURCE and the code itself cannot both be given", {
      position,
    });
  }
  if (fetchSource === undefined) {
    throw new OrlaError("not_supported", "SOURCE is not supported here", { position });
  }
  try {
    const request = { source, language, name: name.name, options, sessionUser };
    const fetched = await fetchSource(request);
    const node = { text: fetched.code, span: option.valueSpan, verbatim: false };
    return { code: node, source: fetched.source };
  } catch (thrown) {
    throw placedAt(thrown, position);
  }
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

function missingCode({ name }: CreateFunction): never {
  throw new OrlaError("syntax_error", "the function has no code", {
    position: name.span.start,
    hint: "Give it at the end, AS $$ … $$, or by SOURCE 'https://…'.",
  });
}

function sourceWithoutCode({ options, name }: AlterFunction): OrlaError {
  const option = options.find((each) => each.name === "SOURCE");
  return new OrlaError("invalid_option", "SOURCE cannot be taken away from the code it gave", {
    position: option?.valueSpan.start ?? name.span.start,
    hint: "SET CODE = $$…$$ gives the function other code, and no SOURCE.",
  });
}

/** Options that ask something of the node. */
const DEMANDS = ["PYTHON_ENV", "REQUIREMENTS", "FILES"];

/** What the node does not have is no fault of the code: the error points at the option that asks for it. */
function placedAtDemand(thrown: unknown, { options, name }: CreateFunction): OrlaError | undefined {
  const error = toOrlaError(thrown);
  const isDemand = error.code === "invalid_option" || error.code === "not_supported";
  if (!isDemand || error.position !== undefined) return undefined;
  const asking = options.filter((option) => DEMANDS.includes(option.name));
  const [only] = asking;
  const span = asking.length === 1 && only !== undefined ? only.valueSpan : name.span;
  const { cause, hint, detail } = error;
  return new OrlaError(error.code, error.message, {
    cause,
    position: span.start,
    ...(hint === undefined ? {} : { hint }),
    ...(detail === undefined ? {} : { detail }),
  });
}

/** An error in the code, placed in the statement: inside the code where that stands as it is. */
function placedInText(thrown: unknown, code: CodeNode): OrlaError {
  const inside = code.verbatim ? toOrlaError(thrown).position ?? 0 : 0;
  return placedAt(thrown, code.span.start + inside);
}

function placedAt(thrown: unknown, position: number): OrlaError {
  const error = toOrlaError(thrown);
  const { cause, hint, detail, sqlState } = error;
  return new OrlaError(error.code, error.message, {
    cause,
    sqlState,
    position,
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
