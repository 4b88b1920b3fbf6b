/** The operations `db.*` of `functions/host-services.ts`. */
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";
import type { HostCallContext } from "../../functions/host-services.ts";
import type { Operation } from "../host-services.ts";
import { parseInput } from "../input.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import { InvocationDatabase, type Target } from "./invocation-database.ts";
import type { ActAs, Logins } from "./logins.ts";
import { type Parameter, paramsSchema } from "./parameter.ts";
import { type NumberedStatement, numberPlaceholders } from "./placeholders.ts";
import { fieldsToJson, resultToJson, rowsToJson } from "./result-json.ts";
import {
  insertSchema,
  insertStatement,
  removeSchema,
  removeStatement,
  selectSchema,
  selectStatement,
  updateSchema,
  updateStatement,
} from "./table-statement.ts";
import type { TypeCatalog } from "./type-catalog.ts";

export interface DatabaseParts {
  readonly pool: ConnectionPool;
  readonly logins: Pick<Logins, "actingRole">;
  readonly types: TypeCatalog;
}

const as = z.enum(["caller", "service"]).optional();
const id = z.int().positive();
const target = { as, session: id.optional() };
const statement = { sql: z.string(), params: paramsSchema.optional() };
const isolation = z.enum(["read committed", "repeatable read", "serializable"]).optional();

const inputs = {
  "db.query": z.strictObject({ ...target, ...statement }),
  "db.insert": z.strictObject({ ...target, ...insertSchema }),
  "db.select": z.strictObject({ ...target, ...selectSchema }),
  "db.update": z.strictObject({ ...target, ...updateSchema }),
  "db.remove": z.strictObject({ ...target, ...removeSchema }),
  "db.open": z.strictObject({ as }),
  "db.begin": z.strictObject({ ...target, isolation, readOnly: z.boolean().optional() }),
  "db.commit": z.strictObject({ session: id }),
  "db.rollback": z.strictObject({ session: id }),
  "db.close": z.strictObject({ session: id }),
  "db.cursor.open": z.strictObject({ ...target, ...statement }),
  "db.cursor.read": z.strictObject({ cursor: id }),
  "db.cursor.close": z.strictObject({ cursor: id }),
} as const;

type Op = keyof typeof inputs;
type WithTarget = { readonly as?: ActAs | undefined; readonly session?: number | undefined };

export function databaseOperations(parts: DatabaseParts): Readonly<Record<Op, Operation>> {
  const { pool, logins, types } = parts;
  /** By the signal, which all host calls of an invocation share. */
  const databases = new WeakMap<AbortSignal, InvocationDatabase>();
  const databaseOf = ({ signal, version }: HostCallContext): InvocationDatabase => {
    let database = databases.get(signal);
    if (database === undefined) {
      database = new InvocationDatabase({ pool, types, signal, functionId: version.functionId });
      databases.set(signal, database);
    }
    return database;
  };
  const targetOf = async (input: WithTarget, context: HostCallContext): Promise<Target> => {
    if (input.session === undefined) {
      return { role: await logins.actingRole(context, input.as ?? "caller") };
    }
    if (input.as === undefined) return { session: input.session };
    throw new OrlaError("invalid_request", "a session has its role already: give no `as` with it");
  };
  const operation = <T>(
    op: Op,
    schema: z.ZodType<T>,
    work: (input: T, database: InvocationDatabase, context: HostCallContext) => Promise<string>,
  ): Operation =>
  async (input, context) => await work(parseInput(op, schema, input), databaseOf(context), context);
  const running = <T extends WithTarget>(
    op: Op,
    schema: z.ZodType<T>,
    make: (input: T) => NumberedStatement<Parameter>,
  ): Operation =>
    operation(op, schema, async (input, database, context) => {
      const made = make(input);
      const result = await database.run(await targetOf(input, context), made);
      return await resultToJson(result, types);
    });

  return {
    "db.query": running(
      "db.query",
      inputs["db.query"],
      ({ sql, params = [] }) => numberPlaceholders(sql, params),
    ),
    "db.insert": running(
      "db.insert",
      inputs["db.insert"],
      ({ table, rows }) => insertStatement(table, rows),
    ),
    "db.select": running(
      "db.select",
      inputs["db.select"],
      ({ table, where, params }) => selectStatement(table, where, params),
    ),
    "db.update": running(
      "db.update",
      inputs["db.update"],
      ({ table, set, where, params }) => updateStatement(table, set, where, params),
    ),
    "db.remove": running(
      "db.remove",
      inputs["db.remove"],
      ({ table, where, params }) => removeStatement(table, where, params),
    ),
    "db.open": operation("db.open", inputs["db.open"], async (input, database, context) => {
      const role = await logins.actingRole(context, input.as ?? "caller");
      return JSON.stringify({ session: await database.openSession(role) });
    }),
    "db.begin": operation("db.begin", inputs["db.begin"], async (input, database, context) => {
      const modes = [
        ...input.isolation === undefined ? [] : [`ISOLATION LEVEL ${input.isolation}`],
        ...input.readOnly === undefined ? [] : [input.readOnly ? "READ ONLY" : "READ WRITE"],
      ].join(", ");
      const session = await database.begin(await targetOf(input, context), modes);
      return JSON.stringify({ session });
    }),
    "db.commit": operation("db.commit", inputs["db.commit"], async ({ session }, database) => {
      await database.endTransaction(session, "COMMIT");
      return "null";
    }),
    "db.rollback": operation(
      "db.rollback",
      inputs["db.rollback"],
      async ({ session }, database) => {
        await database.endTransaction(session, "ROLLBACK");
        return "null";
      },
    ),
    "db.close": operation("db.close", inputs["db.close"], ({ session }, database) => {
      database.closeSession(session);
      return Promise.resolve("null");
    }),
    "db.cursor.open": operation(
      "db.cursor.open",
      inputs["db.cursor.open"],
      async (input, database, context) => {
        const { sql, params = [] } = input;
        const made = numberPlaceholders(sql, params);
        const { id, fields } = await database.openCursor(await targetOf(input, context), made);
        await types.load(fields.map(({ dataTypeID }) => dataTypeID));
        return `{"cursor":${id},"fields":${fieldsToJson(fields, types)}}`;
      },
    ),
    "db.cursor.read": operation(
      "db.cursor.read",
      inputs["db.cursor.read"],
      async ({ cursor }, database) => {
        const { rows, fields, done } = await database.readCursor(cursor);
        return `{"rows":${await rowsToJson(rows, fields, types)},"done":${done}}`;
      },
    ),
    "db.cursor.close": operation(
      "db.cursor.close",
      inputs["db.cursor.close"],
      async ({ cursor }, database) => {
        await database.closeCursor(cursor);
        return "null";
      },
    ),
  };
}
