/**
 * Databases for this folder's tests: one server, migrated once; each test gets a copy of its own.
 */
import { defaultOptions } from "../functions/option-table.ts";
import assert from "node:assert/strict";
import pg from "pg";
import { startTestPostgres, type TestPostgres } from "../../tests/postgres.ts";
import { silentLogger } from "../base/log.ts";
import { migrate } from "./migrate.ts";

export interface TestServer extends AsyncDisposable {
  readonly postgres: TestPostgres;
  /** An empty database, or a migrated one. */
  createDatabase(kind?: "migrated" | "empty"): Promise<TestDatabase>;
}

export interface TestDatabase extends AsyncDisposable {
  readonly config: pg.ClientConfig;
  /** As the superuser, who is also the platform's login. */
  readonly admin: pg.Client;
  /** A session of `role`, which is created when new. Notices are collected. */
  connect(role?: string): Promise<TestSession>;
}

export interface TestSession {
  readonly client: pg.Client;
  readonly notices: string[];
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** The first column of the first row. */
  value(text: string, values?: unknown[]): Promise<unknown>;
}

export async function startTestServer(): Promise<TestServer> {
  const postgres = await startTestPostgres();
  const root = new pg.Client({ connectionString: postgres.url });
  await root.connect();
  let count = 0;
  const open = async (name: string): Promise<pg.Client> => {
    const client = new pg.Client(configOf(postgres, name));
    await client.connect();
    return client;
  };
  await root.query("CREATE DATABASE template");
  const template = await open("template");
  await migrate(template, silentLogger);
  // Everybody may create functions in `public` here, as in the databases people have.
  await template.query("GRANT CREATE ON SCHEMA public TO PUBLIC");
  await template.end();

  return {
    postgres,
    async createDatabase(kind = "migrated") {
      const name = `test_${++count}`;
      await root.query(
        `CREATE DATABASE ${name} TEMPLATE ${kind === "migrated" ? "template" : "template0"}`,
      );
      const admin = await open(name);
      const sessions: pg.Client[] = [admin];
      return {
        config: configOf(postgres, name),
        admin,
        async connect(role = postgres.user) {
          if (role !== postgres.user) {
            await admin.query(`DO $$ BEGIN
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN
                CREATE ROLE ${role} LOGIN PASSWORD '${postgres.password}';
              END IF; END $$`);
          }
          const client = new pg.Client({ ...configOf(postgres, name), user: role });
          sessions.push(client);
          await client.connect();
          return sessionOf(client);
        },
        async [Symbol.asyncDispose]() {
          for (const session of sessions) await session.end();
          await root.query(`DROP DATABASE ${name} WITH (FORCE)`);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await root.end();
      await postgres.stop();
    },
  };
}

function configOf(postgres: TestPostgres, database: string): pg.ClientConfig {
  const { port, user, password } = postgres;
  return { host: "127.0.0.1", port, user, password, database };
}

function sessionOf(client: pg.Client): TestSession {
  const notices: string[] = [];
  client.on("notice", (notice) => notices.push(notice.message ?? ""));
  client.on("error", () => {});
  const query = async (
    text: string,
    values?: unknown[],
  ): Promise<Record<string, unknown>[]> => (await client.query(text, values)).rows;
  return {
    client,
    notices,
    query,
    value: async (text, values) => Object.values((await query(text, values))[0] ?? {})[0],
  };
}

/** Makes steps of `t`, each with a migrated database of its own. */
export function testsWithDatabase(t: Deno.TestContext, server: TestServer) {
  return (
    name: string,
    body: (session: TestSession, database: TestDatabase) => Promise<void>,
  ): Promise<boolean> =>
    t.step(name, async () => {
      await using database = await server.createDatabase();
      await body(await database.connect(), database);
    });
}

/** Takes what {@link createRequest} gives. */
export const CREATE = "SELECT edge.create_function($1)";

export interface CreateFields {
  readonly schema?: string;
  readonly name?: string;
  readonly orReplace?: boolean;
  /** `a int, b text`; absent: one payload. */
  readonly parameters?: string | null;
  readonly returns?: string | null;
  readonly language?: string;
  readonly code?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** The JSON of a CREATE, as the SQL gateway makes it. */
export function createRequest(fields: CreateFields = {}): string {
  const code = fields.code ?? "function main(a) { return a; }";
  return JSON.stringify({
    schema: fields.schema ?? null,
    name: fields.name ?? "f",
    orReplace: fields.orReplace ?? false,
    language: fields.language ?? "javascript",
    parameters: fields.parameters === undefined
      ? [{ name: "a", type: "text", position: 20 }]
      : fields.parameters?.split(/,\s*/).filter(Boolean).map((parameter) => {
        const [name, ...type] = parameter.split(" ");
        return { name, type: type.join(" "), position: 20 };
      }) ?? null,
    returns: fields.returns === undefined ? "text" : fields.returns,
    returnsPosition: 40,
    position: 10,
    code,
    module: { code, sourceMap: null, style: "main" },
    options: { ...defaultOptions, ...fields.options },
  });
}

/** The fields of a database error that people see. */
export interface Refusal {
  readonly code: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly detail: string | undefined;
  readonly dataType: string | undefined;
}

/** The error by which the database refuses; fails when it does not. */
export async function refusal(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work;
  } catch (thrown) {
    if (!(thrown instanceof pg.DatabaseError)) throw thrown;
    const { code, message, hint, detail, dataType } = thrown;
    return { code, message, hint, detail, dataType };
  }
  assert.fail("the statement was accepted");
}

/** What there is of edge functions and of the Postgres functions that stand for them. */
export async function inventory(database: TestDatabase): Promise<string[]> {
  const { rows } = await database.admin.query(`
    SELECT 'function ' || schema_name || '.' || name AS item FROM edge.functions
    UNION ALL SELECT 'version ' || version FROM edge.versions
    UNION ALL SELECT 'wrapper ' || oid::regprocedure FROM pg_proc WHERE prosrc ~ 'edge\\.invoke'
      AND pronamespace <> 'edge'::regnamespace
    ORDER BY item`);
  return rows.map(({ item }) => item);
}
