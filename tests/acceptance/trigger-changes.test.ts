/** Triggers on tables through renames, ALTER and CREATE OR REPLACE: they stay what they were declared as. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
});
Deno.test.afterAll(async () => {
  await orla[Symbol.asyncDispose]();
});

let schemas = 0;

/** In a schema of its own, which functions may use as well. */
function test(name: string, body: (session: SqlSession, schema: string) => Promise<void>) {
  Deno.test(name, async () => {
    await using session = await openSession(orla.sqlUrl);
    const schema = `s${++schemas}`;
    await session.rows(`CREATE SCHEMA ${schema}; SET search_path = ${schema}, public;
      CREATE TABLE people (id int, mail text, note text);
      CREATE TABLE heard (what jsonb);
      GRANT USAGE ON SCHEMA ${schema} TO orla_service; GRANT ALL ON people, heard TO orla_service;
      CREATE EDGE FUNCTION refuse LANGUAGE javascript AS $$ export const main = () => false $$;
      CREATE EDGE FUNCTION say(what text) LANGUAGE javascript AS $$
        export const main = (what) => { throw new Error("got " + what) };
      $$;
      CREATE EDGE FUNCTION hear LANGUAGE javascript AS $$
        export async function main(what) {
          const db = await connectToDatabase();
          await db.query("INSERT INTO ${schema}.heard VALUES ($1)", [JSON.stringify(what)]);
        }
      $$`);
    await body(session, schema);
  });
}

/** SQLSTATE, and the word that the error points at. */
async function refusal(session: SqlSession, statement: string): Promise<unknown[]> {
  const { code, position } = await session.failure(statement);
  const rest = statement.slice(Number(position ?? 0) - 1);
  return [code, position === undefined ? null : /^[\w.*]+/.exec(rest)?.[0] ?? rest];
}

test(
  "renamed in Postgres, a trigger answers to its new name, in its new place",
  async (session, schema) => {
    await session.rows(
      "CREATE TRIGGER a BEFORE INSERT ON people FOR EACH ROW EXECUTE EDGE FUNCTION say(NEW.mail)",
    );
    const says = async (table: string, column: string) =>
      (await session.failure(`INSERT INTO ${table} (${column}) VALUES ('x')`)).message;
    await session.rows("ALTER TRIGGER a ON people RENAME TO b");
    await session.rows("DISABLE TRIGGER b");
    await session.rows("INSERT INTO people (mail) VALUES ('x')");
    await session.rows("ENABLE TRIGGER b");
    await session.rows("ALTER TABLE people RENAME COLUMN mail TO address");
    assert.equal(await says("people", "address"), "got x");
    await session.rows(`ALTER SCHEMA ${schema} RENAME TO ${schema}_renamed`);
    await session.rows(
      `SET search_path = ${schema}_renamed, public; ALTER TRIGGER b SET DEADLINE = 5s`,
    );
    assert.equal(await says("people", "address"), "got x");
    await session.rows(
      `CREATE SCHEMA ${schema}_other; ALTER TABLE people SET SCHEMA ${schema}_other`,
    );
    assert.deepEqual(
      await session.rows(
        `SELECT name, "table" FROM system.edge_triggers WHERE namespace = '${schema}_other'`,
      ),
      [{ name: "b", table: `${schema}_other.people` }],
    );
    await session.rows(`ALTER TABLE ${schema}_other.people DROP COLUMN address`);
    assert.match(
      await says(`${schema}_other.people`, "note"),
      /passes column "address", which is gone/,
    );
    await session.rows(`DROP TRIGGER ${schema}_other.b`);
    await session.rows(`INSERT INTO ${schema}_other.people (note) VALUES ('x')`);
  },
);

test("a name that another edge trigger of the schema has is refused, however it is taken", async (session) => {
  const on = (table: string, name: string) =>
    `CREATE TRIGGER ${name} BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE EDGE FUNCTION refuse`;
  await session.rows(`${on("people", "a")}; ${on("heard", "b")}`);
  assert.equal((await session.failure("ALTER TRIGGER b ON heard RENAME TO a")).code, "42710");
  assert.equal((await session.failure(on("heard", "a"))).code, "42710");
  const replace = on("heard", "a").replace("CREATE", "CREATE OR REPLACE");
  const { code, message } = await session.failure(replace);
  assert.equal(code, "42710");
  assert.match(message, /is on another table: s\d+\.people/);
  assert.equal((await session.failure("INSERT INTO people VALUES (1)")).code, "23514");
});

test("CREATE OR REPLACE keeps a trigger switched off", async (session) => {
  const create =
    "CREATE OR REPLACE TRIGGER t BEFORE INSERT ON people FOR EACH ROW EXECUTE EDGE FUNCTION refuse";
  await session.rows(`${create}; DISABLE TRIGGER t; ${create}`);
  const enabled = () => session.value("SELECT enabled FROM system.edge_triggers WHERE name = 't'");
  assert.equal(await enabled(), false);
  await session.rows("INSERT INTO people VALUES (1)");
  await session.rows("ENABLE TRIGGER t");
  assert.equal(await enabled(), true);
  assert.equal((await session.failure("INSERT INTO people VALUES (1)")).code, "23514");
  await session.rows("ALTER TABLE people DISABLE TRIGGER t");
  assert.equal(await enabled(), false);
});

test("ALTER TRIGGER changes SYNC, and refuses what would mean nothing", async (session) => {
  await session.rows(`CREATE TRIGGER later AFTER INSERT ON people FOR EACH ROW
    WHEN (NEW.note = 'edge.fire_later(''1'')') EXECUTE EDGE FUNCTION hear(NEW.*)`);
  const heard = () => session.value("SELECT count(*)::int FROM heard");
  const insert = "INSERT INTO people VALUES (1, 'm', 'edge.fire_later(''1'')')";
  await session.rows("ALTER TABLE people RENAME TO persons; ALTER TRIGGER later SET SYNC = true");
  await session.rows(insert.replace("people", "persons"));
  assert.equal(await heard(), 1);
  await session.rows("BEGIN; ALTER TRIGGER later SET SYNC = false; ROLLBACK");
  await session.rows(insert.replace("people", "persons"));
  assert.equal(await heard(), 2);
  assert.deepEqual(
    await refusal(session, "ALTER TRIGGER later SET BATCH_SIZE = 10"),
    ["22023", "later"],
  );
  await session.rows("ALTER TRIGGER later SET SYNC = false, BATCH_SIZE = 10");
  // What was recorded runs also when the trigger has become synchronous meanwhile.
  await session.rows("BEGIN");
  await session.rows(insert.replace("people", "persons"));
  assert.deepEqual(await refusal(session, "SAVEPOINT s; ALTER TRIGGER later SET SYNC = true"), [
    "22023",
    "later",
  ]);
  await session.rows("ROLLBACK");
  await session.rows("BEGIN");
  await session.rows(insert.replace("people", "persons"));
  await session.rows("ALTER TRIGGER later SET SYNC = true, BATCH_SIZE = DEFAULT; COMMIT");
  await eventually(async () => await heard() === 3, 20_000, "the event is processed");
  await session.rows(
    "CREATE TRIGGER first BEFORE INSERT ON persons FOR EACH ROW EXECUTE EDGE FUNCTION refuse",
  );
  for (const option of ["SYNC = true", "BATCH_SIZE = 2", "MAX_ATTEMPTS = 2", "RATE = '1/s'"]) {
    assert.deepEqual(await refusal(session, `ALTER TRIGGER first SET ${option}`), [
      "22023",
      "first",
    ]);
  }
  assert.deepEqual(await refusal(session, "ALTER TRIGGER first SET SECRET = 'x'"), [
    "22023",
    "first",
  ]);
});

test("what a trigger passes is checked when it is made", async (session) => {
  await session.rows(`CREATE EDGE FUNCTION two(a text, b text) LANGUAGE javascript AS $$
    export const main = () => true $$`);
  const create = (event: string, call: string) =>
    `CREATE TRIGGER t BEFORE ${event} ON people FOR EACH ROW EXECUTE EDGE FUNCTION ${call}`;
  const wrong: ReadonlyArray<readonly [statement: string, code: string, place: string]> = [
    [create("INSERT", "say(NEW.mial)"), "42703", "NEW.mial"],
    [create("INSERT", "say(OLD.mail)"), "22023", "OLD.mail"],
    [create("DELETE", "refuse(NEW.*)"), "22023", "NEW.*"],
    [create("INSERT", "two(NEW.mail)"), "42883", "two"],
    [create("INSERT", "two"), "42883", "two"],
    [create("INSERT", "say(NEW.mail, 1)"), "42883", "say"],
    [create("INSERT", "refuse(NEW.*, 1)"), "42883", "refuse"],
    [create("TRUNCATE", "refuse"), "42601", "TRUNCATE"],
    [
      "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON people DEFERRABLE FOR EACH ROW EXECUTE EDGE FUNCTION refuse",
      "0A000",
      "CREATE",
    ],
    [
      "CREATE TRIGGER t AFTER UPDATE OF mail ON people FOR EACH STATEMENT EXECUTE EDGE FUNCTION refuse",
      "0A000",
      "UPDATE",
    ],
  ];
  for (const [statement, code, place] of wrong) {
    assert.deepEqual(await refusal(session, statement), [code, place], statement);
  }
  // With another operation beside it, the row that is missing is NULL.
  await session.rows(create("INSERT OR DELETE", "two(NEW.mail, OLD.mail)"));
  await session.rows("INSERT INTO people VALUES (1); DELETE FROM people");
});

test(
  "what waits goes with its trigger; messages stay with their queue",
  async (session, schema) => {
    await session.rows(`
    CREATE TRIGGER table_events AFTER INSERT ON people FOR EACH ROW EXECUTE EDGE FUNCTION hear(NEW.*);
    CREATE TRIGGER messages ON QUEUE '${schema}' EXECUTE EDGE FUNCTION hear;
    DISABLE TRIGGER table_events; DISABLE TRIGGER messages;
    ALTER TABLE people ENABLE TRIGGER table_events;
    INSERT INTO people VALUES (1), (2), (3);
    SELECT edge.enqueue('${schema}', '1')`);
    const backlog = () =>
      session.rows(`SELECT name, waiting::int, lag > '0' AS late FROM system.edge_triggers
      WHERE namespace = '${schema}' AND waiting > 0 ORDER BY name`);
    assert.deepEqual(await backlog(), [
      { name: "messages", waiting: 1, late: true },
      { name: "table_events", waiting: 3, late: true },
    ]);
    await session.rows("DROP TABLE people; DROP TRIGGER messages");
    await eventually(
      async () => await session.value("SELECT count(*)::int FROM system.edge_jobs") === 1,
      30_000,
      "the events are forgotten",
    );
    await session.rows(`CREATE TRIGGER again ON QUEUE '${schema}' EXECUTE EDGE FUNCTION hear`);
    await eventually(
      async () => await session.value("SELECT count(*)::int FROM heard") === 1,
      20_000,
      "the message is taken",
    );
    assert.deepEqual(
      await refusal(session, `CREATE TRIGGER more ON QUEUE '${schema}' EXECUTE EDGE FUNCTION hear`),
      ["42710", schema],
    );
    await session.rows(`SET search_path = public; DROP SCHEMA ${schema} CASCADE`);
    assert.deepEqual(
      await session.rows(`SELECT * FROM system.edge_triggers WHERE namespace = '${schema}'`),
      [],
    );
  },
);

test("roles with names that need quotes own their triggers", async (session, schema) => {
  await session.rows(`CREATE ROLE "Own ""er"; CREATE ROLE owner_of_others;
    GRANT ALL ON SCHEMA ${schema} TO "Own ""er"; SET ROLE "Own ""er"`);
  await session.rows("CREATE TRIGGER q ON QUEUE 'quoted' EXECUTE EDGE FUNCTION refuse");
  await session.rows("RESET ROLE");
  assert.equal(
    await session.value("SELECT owner FROM system.edge_triggers WHERE name = 'q'"),
    'Own "er',
  );
});
