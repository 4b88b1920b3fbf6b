/**
 * From edge statements to the SQL that carries them out on the client's own connection.
 *
 * DDL becomes `CALL edge.apply(command, definition)`: CALL returns no row, so that Describe, Bind and
 * row limits behave as for any utility statement. What returns rows becomes a SELECT. A mistake
 * becomes a call that raises it, so that the client's transaction fails as it would by Postgres' own.
 */
import { isDeepStrictEqual } from "node:util";
import { OrlaError, toOrlaError } from "../base/errors.ts";
import { type CompileInput, compileModule } from "../functions/compile.ts";
import type { CompiledModule, Language } from "../functions/function.ts";
import { parseLanguage } from "../functions/language.ts";
import { parseAllOptions, parseOptions } from "../functions/options.ts";
import type {
  AlterFunction,
  CodeNode,
  CreateFunction,
  EdgeStatement,
  QualifiedName,
  Statement,
} from "../sql/ast.ts";
import { parseStatements } from "../sql/parse.ts";
import { mayContainEdge } from "../sql/prefilter.ts";
import type { StatementTranslator, TranslationContext } from "./request-stream.ts";
import { characterPosition, type Piece, type Rewrite } from "./rewrite.ts";
import { jsonLiteral, quoteIdentifier } from "./sql-text.ts";
import { alterTriggerRequest, createTriggerRequest, namePlace } from "./translate-trigger.ts";

type Command =
  | "create_function"
  | "alter_function"
  | "drop_function"
  | "rollback_function"
  | "create_trigger"
  | "alter_trigger"
  | "switch_trigger"
  | "drop_trigger"
  | "fire_trigger"
  | "replay_execution"
  | "raise_error";

const LANGUAGES: readonly Language[] = ["javascript", "typescript"];

/** As `functions/` compiles: in place, or in a thread of its own. */
export type CompileCode = (input: CompileInput) => CompiledModule | Promise<CompiledModule>;

export function createTranslator(compile: CompileCode): StatementTranslator {
  return {
    mayContainEdge,
    translate: async (text, context) => {
      try {
        return await translateText(text, context, compile);
      } catch (thrown) {
        // A syntax error anywhere keeps every statement of the text from running.
        return { original: text, pieces: raise(text, thrown, 0) };
      }
    },
  };
}

/** Compiles in place: for one client at a time. */
export const edgeTranslator: StatementTranslator = createTranslator(compileModule);

async function translateText(
  text: string,
  context: TranslationContext,
  compile: CompileCode,
): Promise<Rewrite | null> {
  const { standardConformingStrings, refusal } = context;
  const statements = parseStatements(text, { standardConformingStrings });
  const edge = statements.filter(isEdge);
  if (edge.length === 0) return null;
  const pieces: Piece[] = [];
  let copied = 0;
  for (const { statement } of edge) {
    const { start, end } = statement.span;
    if (refusal !== null) throw new OrlaError("not_supported", refusal, { position: start });
    pieces.push({ kind: "copied", text: text.slice(copied, start), from: copied });
    pieces.push(...await translateStatement(text, statement, compile));
    copied = end;
  }
  pieces.push({ kind: "copied", text: text.slice(copied), from: copied });
  return { original: text, pieces };
}

async function translateStatement(
  text: string,
  statement: EdgeStatement,
  compile: CompileCode,
): Promise<Piece[]> {
  const place = (name: QualifiedName) => namePlace(text, name);
  try {
    switch (statement.kind) {
      case "create_function":
        return call("create_function", await createDefinition(text, statement, compile));
      case "alter_function":
        return call("alter_function", await alterDefinition(text, statement, compile));
      case "drop_function":
        return call("drop_function", {
          names: statement.names.map(place),
          ifExists: statement.ifExists,
          behavior: statement.behavior,
        });
      case "rollback_function":
        return call("rollback_function", {
          ...place(statement.name),
          version: statement.version,
          versionPosition: characterPosition(text, statement.versionSpan.start),
        });
      case "execute_function":
        return [
          written("SELECT "),
          written(functionName(statement.name), statement.name.span.start),
          written("("),
          copiedFrom(statement.arguments),
          written(")"),
        ];
      case "list": {
        const { where, objects } = statement;
        const select = written(`SELECT * FROM system.edge_${objects}`);
        return where === null ? [select] : [select, written(" WHERE "), copiedFrom(where)];
      }
      case "create_trigger":
        return call("create_trigger", createTriggerRequest(text, statement));
      case "alter_trigger":
        return call("alter_trigger", alterTriggerRequest(text, statement));
      case "switch_trigger":
        return call("switch_trigger", {
          ...place(statement.name),
          enabled: statement.enabled,
        });
      case "drop_trigger":
        return call("drop_trigger", {
          names: statement.names.map(place),
          ifExists: statement.ifExists,
        });
      case "fire_trigger":
      case "replay_execution":
        throw new OrlaError("not_supported", "this is not supported yet");
    }
  } catch (thrown) {
    // The statement's meaning is wrong, not its form: what stands before it may run.
    return raise(text, thrown, statement.span.start);
  }
}

async function createDefinition(
  text: string,
  statement: CreateFunction,
  compile: CompileCode,
): Promise<unknown> {
  const language = requiredLanguage(statement);
  const options = parseAllOptions(statement.options);
  const code = requiredCode(statement);
  const { name, orReplace, parameters, returns } = statement;
  let module: CompiledModule;
  try {
    module = await compile({ code: code.text, language, name: name.name, parameters });
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

async function alterDefinition(
  text: string,
  statement: AlterFunction,
  compile: CompileCode,
): Promise<unknown> {
  const { code } = statement;
  const definition = {
    ...namePlace(text, statement.name),
    options: parseOptions(statement.options),
  };
  if (code === null) return definition;
  const modules = await compileForAll(text, code, statement.name.name, compile);
  return { ...definition, code: code.text, modules };
}

/** Whether a function declares parameters is all that compiling wants to know about them. */
const SOME_PARAMETERS: CompileInput["parameters"] = [{ name: null }];

/**
 * Only the database knows, within the client's transaction, which language the function has and
 * whether it declares parameters. So new code is compiled for every case, and the database takes the
 * module that fits, or raises its error.
 */
async function compileForAll(
  text: string,
  code: CodeNode,
  name: string,
  compile: CompileCode,
): Promise<Record<string, unknown>> {
  const compileAs = async (language: Language, parameters: CompileInput["parameters"]) => {
    try {
      return await compile({ code: code.text, language, name, parameters });
    } catch (thrown) {
      return { error: errorFields(text, placedInText(thrown, code), code.span.start) };
    }
  };
  const modules: Record<string, unknown> = {};
  for (const language of LANGUAGES) {
    const without = await compileAs(language, null);
    const withSome = await compileAs(language, SOME_PARAMETERS);
    modules[language] = without;
    if (!isDeepStrictEqual(without, withSome)) modules[`${language}WithParameters`] = withSome;
  }
  return modules;
}

function requiredLanguage({ language, name }: CreateFunction): Language {
  if (language !== null) return parseLanguage(language.name, language.span.start);
  throw new OrlaError("syntax_error", "the function has no LANGUAGE", {
    position: name.span.start,
    hint: "Say LANGUAGE javascript or LANGUAGE typescript.",
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
function errorFields(text: string, thrown: unknown, fallback: number): unknown {
  const error = toOrlaError(thrown);
  return {
    sqlstate: error.sqlState,
    message: error.message,
    hint: error.hint,
    detail: error.detail,
    position: characterPosition(text, error.position ?? fallback),
  };
}

function raise(text: string, thrown: unknown, fallback: number): Piece[] {
  return call("raise_error", errorFields(text, thrown, fallback));
}

function call(command: Command, definition: unknown): Piece[] {
  return [written(`CALL edge.apply('${command}', ${jsonLiteral(definition)})`)];
}

function functionName({ schema, name }: QualifiedName): string {
  const quoted = quoteIdentifier(name);
  return schema === null ? quoted : `${quoteIdentifier(schema)}.${quoted}`;
}

function written(text: string, pointsAt: number | null = null): Piece {
  return { kind: "written", text, pointsAt };
}

function copiedFrom(part: { readonly text: string; readonly span: { readonly start: number } }) {
  return { kind: "copied", text: part.text, from: part.span.start } as const;
}

function isEdge(statement: Statement): statement is Extract<Statement, { kind: "edge" }> {
  return statement.kind === "edge";
}
