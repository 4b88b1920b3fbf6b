/**
 * From edge statements to the SQL that carries them out on the client's own connection.
 *
 * DDL becomes `CALL edge.apply(command, definition)`: CALL returns no row, so that Describe, Bind and
 * row limits behave as for any utility statement. What returns rows becomes a SELECT. A mistake
 * becomes a call that raises it, so that the client's transaction fails as it would by Postgres' own.
 */
import { OrlaError } from "../base/errors.ts";
import { compileModule } from "../functions/compile.ts";
import type { EdgeStatement, QualifiedName, Statement } from "../sql/ast.ts";
import { parseStatements } from "../sql/parse.ts";
import { mayContainEdge } from "../sql/prefilter.ts";
import type { StatementTranslator, TranslationContext } from "./request-stream.ts";
import { characterPosition, type Piece, type Rewrite } from "./rewrite.ts";
import { jsonLiteral, quoteIdentifier } from "./sql-text.ts";
import {
  alterDefinition,
  type CompileCode,
  createDefinition,
  errorFields,
  type FunctionServices,
  type SessionServices,
} from "./translate-function.ts";
import {
  alterTriggerRequest,
  createTriggerRequest,
  fireTriggerRequest,
  namePlace,
} from "./translate-trigger.ts";

type Command =
  | "create_function"
  | "alter_function"
  | "drop_function"
  | "rollback_function"
  | "warm_function"
  | "create_trigger"
  | "alter_trigger"
  | "switch_trigger"
  | "drop_trigger"
  | "fire_trigger"
  | "replay_execution"
  | "raise_error";

export function createTranslator(
  compile: CompileCode,
  more: Omit<FunctionServices, "compile"> = {},
): StatementTranslator {
  const services = { ...more, compile };
  return {
    mayContainEdge,
    translate: async (text, context) => {
      try {
        return await translateText(text, context, services);
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
  services: FunctionServices,
): Promise<Rewrite | null> {
  const { standardConformingStrings, sessionUser, refusal } = context;
  const statements = parseStatements(text, { standardConformingStrings });
  const edge = statements.filter(isEdge);
  if (edge.length === 0) return null;
  const pieces: Piece[] = [];
  let copied = 0;
  for (const { statement } of edge) {
    const { start, end } = statement.span;
    if (refusal !== null) throw new OrlaError("not_supported", refusal, { position: start });
    pieces.push({ kind: "copied", text: text.slice(copied, start), from: copied });
    pieces.push(...await translateStatement(text, statement, { ...services, sessionUser }));
    copied = end;
  }
  pieces.push({ kind: "copied", text: text.slice(copied), from: copied });
  return { original: text, pieces };
}

async function translateStatement(
  text: string,
  statement: EdgeStatement,
  services: SessionServices,
): Promise<Piece[]> {
  const place = (name: QualifiedName) => namePlace(text, name);
  try {
    switch (statement.kind) {
      case "create_function":
        return call("create_function", await createDefinition(text, statement, services));
      case "alter_function":
        return call("alter_function", await alterDefinition(text, statement, services));
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
      case "warm_function":
        return call("warm_function", {
          ...place(statement.name),
          regions: statement.regions?.map(({ text: name, span }) => ({
            name,
            position: characterPosition(text, span.start),
          })) ?? null,
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
        return call("fire_trigger", fireTriggerRequest(text, statement));
      case "replay_execution":
        return [
          written("SELECT "),
          written(
            `edge.replay_execution(${
              jsonLiteral({
                ...place(statement.name),
                executionId: statement.executionId.text,
                idPosition: characterPosition(text, statement.executionId.span.start),
                version: statement.version,
              })
            }) AS ${quoteIdentifier(statement.name.name)}`,
            statement.name.span.start,
          ),
        ];
    }
  } catch (thrown) {
    // The statement's meaning is wrong, not its form: what stands before it may run.
    return raise(text, thrown, statement.span.start);
  }
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
