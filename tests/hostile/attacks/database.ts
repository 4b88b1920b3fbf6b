/** Getting more out of the database than the caller may, or all of it. */
import {} from "node:assert/strict";
import { type Attack, harmless, refused } from "../attack.ts";

const NO_CONTROL = "there is no platform outside";

/** Any of the statements that works is one too many. */
const sql = (statements: readonly string[]) => ({
  javascript: refused(
    ["database"],
    `const statements = ${JSON.stringify(statements)};
    const database = await connectToDatabase();
    for (const statement of statements) {
      try {
        const { rows } = await database.query(statement);
        if (rows.length > 0) return true;
      } catch { /* the next one */ }
    }
    return false;`,
    { noControl: NO_CONTROL },
  ),
  python: refused(
    ["database"],
    `statements = ${JSON.stringify(statements)}
database = connect_to_database()
for statement in statements:
    try:
        if len(database.query(statement).rows) > 0:
            return True
    except Exception:
        pass
return False`,
    { noControl: NO_CONTROL },
  ),
});

/** In one connection, one after the other; then the last one's answer counts. */
const session = (statements: readonly string[], last: string) =>
  refused(
    ["database"],
    `const connection = await getDbConnection();
    try {
      for (const statement of ${JSON.stringify(statements)}) {
        try { await connection.query(statement); } catch { /* the next one */ }
      }
      return (await connection.query(${JSON.stringify(last)})).rows.length > 0;
    } finally {
      await connection.release();
    }`,
    { noControl: NO_CONTROL },
  );

const IS_MORE =
  "SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls " +
  "OR pg_has_role('orla_admin', 'USAGE'))";

export const databaseAttacks: readonly Attack[] = [
  {
    name: "become another role of the database",
    code: {
      javascript: session([
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SET ROLE orla_admin",
        "SET ROLE orla_service",
        "SELECT set_config('role', 'postgres', false)",
      ], IS_MORE),
    },
  },
  {
    name: "drop the role it was given",
    code: {
      javascript: session([
        "RESET ROLE",
        "SET ROLE NONE",
        "RESET SESSION AUTHORIZATION",
        "DISCARD ALL",
        "SELECT set_config('role', 'none', false)",
      ], IS_MORE),
    },
  },
  {
    name: "drop the role from inside a function or a block",
    code: {
      javascript: session([
        "DO $x$ BEGIN RESET ROLE; SET ROLE postgres; END $x$",
        "DO $x$ BEGIN EXECUTE 'SET LOCAL ROLE orla_admin'; END $x$",
        "COMMIT; RESET ROLE; SET ROLE postgres",
      ], IS_MORE),
    },
  },
  {
    name: "read passwords and the platform's own tables",
    code: sql([
      "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL",
      "SELECT passwd FROM pg_shadow WHERE passwd IS NOT NULL",
      "SELECT code FROM edge.versions",
      "SELECT * FROM edge.nodes",
      "SELECT * FROM edge_dblink.password",
      "SELECT umoptions FROM pg_user_mappings WHERE umoptions IS NOT NULL",
    ]),
  },
  {
    name: "read the server's files",
    code: sql([
      "SELECT pg_read_file('/etc/passwd')",
      "SELECT pg_ls_dir('/')",
      "SELECT lo_import('/etc/passwd')",
      "SELECT pg_current_logfile() WHERE pg_current_logfile() IS NOT NULL",
      "CREATE TEMP TABLE f (t text); COPY f FROM '/etc/passwd'; SELECT * FROM f",
    ]),
  },
  {
    name: "run a program through the database",
    code: sql([
      "CREATE TEMP TABLE p (t text); COPY p FROM PROGRAM 'id'; SELECT * FROM p",
      "CREATE EXTENSION plpython3u; SELECT 1",
      "LOAD '/lib/x86_64-linux-gnu/libc.so.6'; SELECT 1",
    ]),
  },
  {
    name: "connect from the database to somewhere else",
    code: sql([
      "SELECT edge_dblink.dblink_connect('x', 'host=127.0.0.1')",
      "SELECT dblink_connect('x', 'host=127.0.0.1')",
      "SELECT * FROM edge_dblink.dblink('dbname=postgres', 'SELECT 1') AS t(a int)",
      "SELECT edge.call(1::bigint, '[]'::jsonb)",
    ]),
  },
  {
    name: "end or watch other sessions of the database",
    code: sql([
      "SELECT 1 FROM (SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity " +
      "WHERE pid <> pg_backend_pid()) AS t WHERE ended",
      "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'postgres' " +
      "AND query NOT LIKE '<insufficient%' AND query <> ''",
    ]),
  },
  {
    name: "make functions without the right to",
    code: sql([
      'SELECT edge.create_function(\'{"name": "stolen"}\'::jsonb)',
      "CREATE FUNCTION public.stolen() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT 1",
      "CREATE SCHEMA stolen; SELECT 1",
    ]),
  },
  {
    name: "break out of a quoted identifier",
    code: {
      javascript: refused(
        ["database"],
        `
        const database = await connectToDatabase();
        const trap = 'x" (a) VALUES (1); SET ROLE postgres; --';
        for (const attempt of [
          () => database.insert(trap, { a: 1 }),
          () => database.select("pg_class", { [trap]: 1 }),
          () => database.update("pg_class", { [trap]: 1 }, { a: 1 }),
          () => database.remove("pg_class; SELECT 1", { a: 1 }),
        ]) {
          try { await attempt(); return true; } catch { /* the next one */ }
        }
        return false;`,
        { noControl: NO_CONTROL },
      ),
    },
  },
  {
    name: "leave something behind in a connection for its next user",
    code: {
      javascript: refused(
        ["database"],
        `
        for (let n = 0; n < 5; n++) {
          const first = await getDbConnection();
          for (const statement of ["SET my.mark = 'left'", "CREATE TEMP TABLE mark (a int)",
            "PREPARE mark AS SELECT 1", "SELECT pg_advisory_lock(815)", "BEGIN"]) {
            try { await first.query(statement); } catch { /* the next one */ }
          }
          await first.release();
          const next = await getDbConnection();
          const found = await next.query("SELECT 1 WHERE current_setting('my.mark', true) = 'left' " +
            "OR to_regclass('pg_temp.mark') IS NOT NULL OR EXISTS (SELECT FROM pg_prepared_statements " +
            "WHERE name = 'mark') OR EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())");
          await next.release();
          if (found.rows.length > 0) return true;
        }
        return false;`,
        { noControl: NO_CONTROL },
      ),
    },
  },
  {
    name: "take every connection of the database",
    code: {
      javascript: harmless(
        ["supervisor", "database"],
        `
        const all = [];
        for (let n = 0; n < 300; n++) all.push(getDbConnection().catch(() => null));
        await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, 500))]);
        return false;`,
        { noControl: NO_CONTROL },
      ),
    },
  },
  {
    name: "ask the database for an endless result",
    code: {
      javascript: harmless(
        ["supervisor", "database"],
        `
        const database = await connectToDatabase();
        const { rows } = await database.query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000000)");
        return rows.length > 1e6;`,
        {
          noControl: NO_CONTROL,
          options: "MEMORY 128MB TIMEOUT 5s",
          ruinsItself: true,
        },
      ),
      python: harmless(
        ["supervisor", "database"],
        `database = connect_to_database()
rows = database.query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000000)").rows
return len(rows) > 1000000`,
        {
          noControl: NO_CONTROL,
          options: "MEMORY 128MB TIMEOUT 5s",
          ruinsItself: true,
        },
      ),
    },
  },
  {
    name: "let the database sleep beyond the call's end",
    code: {
      javascript: harmless(
        ["supervisor", "database"],
        `
        const database = await connectToDatabase();
        await database.query("SELECT pg_sleep(3600)");
        return true;`,
        { noControl: NO_CONTROL, options: "TIMEOUT 700ms" },
      ),
    },
  },
];
