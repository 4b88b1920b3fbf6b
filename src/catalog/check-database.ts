/**
 * Whether a database that is not ours by birth (`DATABASE_URL`) can hold Orla, and if not, what exactly
 * its administrator has to do.
 */
import { z } from "zod";
import { LOCK_TIMEOUT_MS, MIGRATION_LOCK } from "./migrate.ts";
import type { Queryable } from "./queryable.ts";

export interface DatabaseProblem {
  /** What is missing, as a sentence. */
  readonly problem: string;
  /** The SQL that mends it, or advice where SQL cannot. */
  readonly fix: string;
}

/** `pg_snapshot`, `xid8`, `SQL`-standard procedures with transactions: all there since 14. */
const OLDEST_VERSION = 140_000;

const FACTS = `
  SELECT
    current_setting('server_version_num')::int AS version,
    current_setting('server_encoding') AS encoding,
    quote_ident(CURRENT_USER) AS "user",
    quote_ident(current_database()) AS database,
    pg_is_in_recovery() AS standby,
    has_database_privilege(current_database(), 'CREATE') AS can_create_schemas,
    (SELECT rolsuper FROM pg_roles WHERE rolname = CURRENT_USER) AS superuser,
    (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = CURRENT_USER) AS can_create_roles,
    EXISTS (SELECT FROM pg_roles WHERE rolname = 'orla_admin') AS has_admin_role,
    CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'orla_admin')
      THEN pg_has_role('orla_admin', 'USAGE') END AS is_admin,
    (SELECT count(*)::int FROM pg_namespace WHERE nspname IN ('edge', 'system', 'edge_dblink'))
      AS schemas,
    (SELECT string_agg(quote_ident(nspname), ', ') FROM pg_namespace
      WHERE nspname IN ('edge', 'system', 'edge_dblink')
      AND NOT pg_has_role(nspowner, 'USAGE')) AS foreign_schemas,
    (SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'dblink') AS dblink_schema,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'dblink') AS dblink_available`;

const factsRow = z.object({
  version: z.int(),
  encoding: z.string(),
  user: z.string(),
  database: z.string(),
  standby: z.boolean(),
  can_create_schemas: z.boolean(),
  superuser: z.boolean(),
  can_create_roles: z.boolean(),
  has_admin_role: z.boolean(),
  is_admin: z.boolean().nullable(),
  schemas: z.int(),
  foreign_schemas: z.string().nullable(),
  dblink_schema: z.string().nullable(),
  dblink_available: z.boolean(),
});

type Facts = z.infer<typeof factsRow>;

/** Leaves the database as it was. An empty list means that `migrate` will work. */
export async function checkDatabase(client: Queryable): Promise<DatabaseProblem[]> {
  const facts = await readFacts(client);
  const problems = problemsOf(facts);
  if (problems.length > 0 || facts.dblink_schema !== null) return problems;
  return await tryExtension(client);
}

async function readFacts(client: Queryable): Promise<Facts> {
  const { rows } = await client.query(FACTS);
  return z.tuple([factsRow]).parse(rows)[0];
}

export function problemsOf(facts: Facts): DatabaseProblem[] {
  const problems: DatabaseProblem[] = [];
  const add = (when: boolean, problem: string, fix: string): void => {
    if (when) problems.push({ problem, fix });
  };
  add(
    facts.version < OLDEST_VERSION,
    `the server is Postgres ${Math.floor(facts.version / 10_000)}; 14 or later is needed`,
    "Upgrade the server, or leave DATABASE_URL unset to use the embedded one.",
  );
  add(
    facts.standby,
    "the server is a read-only standby",
    "Point DATABASE_URL at the primary.",
  );
  add(
    facts.encoding !== "UTF8",
    `the database's encoding is ${facts.encoding}; UTF8 is needed`,
    "CREATE DATABASE orla ENCODING 'UTF8' TEMPLATE template0;",
  );
  add(
    facts.schemas < 3 && !facts.can_create_schemas,
    `${facts.user} may not create schemas in ${facts.database}`,
    `GRANT CREATE ON DATABASE ${facts.database} TO ${facts.user};`,
  );
  add(
    facts.foreign_schemas !== null,
    `the schemas ${facts.foreign_schemas} belong to somebody else`,
    (facts.foreign_schemas ?? "").split(", ")
      .map((schema) => `ALTER SCHEMA ${schema} OWNER TO ${facts.user};`).join(" "),
  );
  add(
    !facts.has_admin_role && !facts.can_create_roles,
    `the role orla_admin does not exist and ${facts.user} may not create it`,
    `CREATE ROLE orla_admin NOLOGIN; GRANT orla_admin TO ${facts.user};`,
  );
  add(
    facts.is_admin === false && !facts.superuser,
    `${facts.user} is not a member of orla_admin`,
    `GRANT orla_admin TO ${facts.user};`,
  );
  add(
    facts.dblink_schema === null && !facts.dblink_available,
    "the server does not offer the extension dblink",
    "Install the server's contrib package (such as postgresql-contrib).",
  );
  add(
    facts.dblink_schema !== null && facts.dblink_schema !== "edge_dblink",
    `dblink is installed in schema ${facts.dblink_schema}, where others could use Orla's connections`,
    `CREATE SCHEMA IF NOT EXISTS edge_dblink AUTHORIZATION ${facts.user}; ` +
      "ALTER EXTENSION dblink SET SCHEMA edge_dblink;",
  );
  return problems;
}

/** Who may create an extension differs between providers: try it, and take it back. */
async function tryExtension(client: Queryable): Promise<DatabaseProblem[]> {
  await client.query("BEGIN");
  try {
    // Another node that starts now may be creating it.
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query("SELECT pg_catalog.pg_advisory_xact_lock($1, $2)", [...MIGRATION_LOCK]);
    const facts = await readFacts(client);
    if (facts.dblink_schema !== null) return problemsOf(facts);
    return await createExtension(client, facts);
  } finally {
    await client.query("ROLLBACK");
  }
}

async function createExtension(client: Queryable, facts: Facts): Promise<DatabaseProblem[]> {
  try {
    await client.query("CREATE SCHEMA IF NOT EXISTS edge_dblink");
    await client.query("CREATE EXTENSION dblink SCHEMA edge_dblink");
    return [];
  } catch (thrown) {
    return [{
      problem: `${facts.user} may not create the extension dblink: ${
        thrown instanceof Error ? thrown.message : String(thrown)
      }`,
      fix: `CREATE SCHEMA IF NOT EXISTS edge_dblink AUTHORIZATION ${facts.user}; ` +
        "CREATE EXTENSION dblink SCHEMA edge_dblink;",
    }];
  }
}
