/** Triggers on tables that run within the writing statement: they refuse, rewrite, or let through. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
});
Deno.test.afterAll(async () => {
  await orla[Symbol.asyncDispose]();
});

let schemas = 0;

/** A schema of its own for each test, first on the search path. */
async function withSchema(body: (session: SqlSession, schema: string) => Promise<void>) {
  await using session = await openSession(orla.sqlUrl);
  const schema = `s${++schemas}`;
  await session.rows(`CREATE SCHEMA ${schema}; SET search_path = ${schema}, public`);
  await body(session, schema);
}

function test(name: string, body: (session: SqlSession, schema: string) => Promise<void>) {
  Deno.test(name, () => withSchema(body));
}

async function refused(
  session: SqlSession,
  statement: string,
): Promise<{ code: string; message: string; hint?: string; position?: string }> {
  const error = await session.rows(statement).then(() => undefined, (thrown) => thrown);
  assert.ok(error !== undefined, `${statement} was accepted`);
  const { code, message, hint, position } = error;
  return { code, message, hint, position };
}

const javascript = (name: string, body: string, parameters = "", returns = "jsonb") =>
  `CREATE EDGE FUNCTION ${name}${parameters} RETURNS ${returns} LANGUAGE javascript AS $$ ${body} $$`;

const PEOPLE =
  "CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY, name text, mail text, seen int DEFAULT 0)";

test("BEFORE: false and a thrown error refuse the row, true and nothing let it pass", async (session) => {
  await session.rows(PEOPLE);
  await session.rows(javascript(
    "check_mail",
    `function main(mail) {
      if (mail === null) throw new Error("people have addresses");
      if (mail === "fine@example.org") return;
      return mail.includes("@");
    }`,
    "(mail text)",
    "boolean",
  ));
  await session.rows(`CREATE TRIGGER check_people_mail BEFORE INSERT ON people FOR EACH ROW
    EXECUTE EDGE FUNCTION check_mail(NEW.mail)`);
  await session.rows(
    "INSERT INTO people (name, mail) VALUES ('Ada', 'ada@example.org'), ('Bo', 'fine@example.org')",
  );
  const { code, message, hint } = await refused(
    session,
    "INSERT INTO people (mail) VALUES ('nobody')",
  );
  assert.deepEqual([code, message], [
    "23514",
    'new row for relation "people" was refused by trigger "check_people_mail"',
  ]);
  assert.match(hint ?? "", /check_mail returned false/);
  const thrown = await refused(session, "INSERT INTO people (name) VALUES ('Cy')");
  assert.deepEqual([thrown.code, thrown.message], ["23514", "people have addresses"]);
  assert.equal((await session.rows("SELECT count(*)::int AS n FROM people"))[0]?.["n"], 2);
});

test(
  "BEFORE: an object rewrites the columns it names, and only columns there are",
  async (session, schema) => {
    await session.rows(PEOPLE);
    await session.rows(javascript(
      "tidy",
      `function main(row, old) {
      if (row.name === "wrong") return { nmae: 1 };
      if (row.name === "list") return [1];
      return { mail: row.mail?.toLowerCase() ?? null, seen: old === null ? 1 : old.seen + 1 };
    }`,
      "(new jsonb, old jsonb)",
    ));
    await session.rows(`CREATE TRIGGER tidy_people BEFORE INSERT OR UPDATE OF name, mail ON people
    FOR EACH ROW EXECUTE EDGE FUNCTION tidy(NEW.*, OLD.*)`);
    assert.deepEqual(
      await session.rows(
        "INSERT INTO people (name, mail) VALUES ('Ada', 'ADA@EXAMPLE.ORG') RETURNING name, mail, seen",
      ),
      [{ name: "Ada", mail: "ada@example.org", seen: 1 }],
    );
    assert.deepEqual(
      await session.rows("UPDATE people SET mail = 'X@Y' RETURNING mail, seen"),
      [{ mail: "x@y", seen: 2 }],
    );
    assert.deepEqual(await session.rows("UPDATE people SET seen = 7 RETURNING seen"), [{
      seen: 7,
    }]);
    const unknown = await refused(session, "INSERT INTO people (name) VALUES ('wrong')");
    assert.deepEqual([unknown.code, unknown.message], [
      "42703",
      `edge function ${schema}.tidy returned columns that "people" does not have: nmae`,
    ]);
    const list = await refused(session, "INSERT INTO people (name) VALUES ('list')");
    assert.deepEqual([list.code, list.message], [
      "22023",
      `edge function ${schema}.tidy returned an array to trigger "tidy_people"`,
    ]);
  },
);

test("WHEN, DELETE, literals and statements", async (session) => {
  await session.rows(PEOPLE);
  await session.rows(
    javascript(
      "stay",
      `function main(row, word) { throw new Error(row.name + " " + word) }`,
      "(old jsonb, word text)",
    ),
  );
  await session.rows(`CREATE TRIGGER stay BEFORE DELETE ON people FOR EACH ROW
    WHEN (OLD.name IN ('Ada', ')')) EXECUTE EDGE FUNCTION stay(OLD.*, 'it''s')`);
  await session.rows("INSERT INTO people (name) VALUES ('Ada'), ('Bo')");
  assert.equal((await session.rows("DELETE FROM people WHERE name = 'Bo' RETURNING id")).length, 1);
  assert.equal((await refused(session, "DELETE FROM people")).message, "Ada it's");
  await session.rows(
    javascript("closed", `export const main = (event) => event.operation !== "update"`),
  );
  await session.rows(
    "CREATE TRIGGER closed BEFORE UPDATE ON people FOR EACH STATEMENT EXECUTE EDGE FUNCTION closed",
  );
  assert.equal((await refused(session, "UPDATE people SET seen = 1 WHERE false")).code, "23514");
});

test("INSTEAD OF on a view, and AFTER with SYNC", async (session) => {
  await session.rows(PEOPLE);
  await session.rows("CREATE VIEW shown AS SELECT name, mail FROM people");
  await session.rows(
    javascript(
      "take",
      `export const main = ({ name }) => name === "no" ? false : { mail: "by function" }`,
    ),
  );
  await session.rows(
    "CREATE TRIGGER take INSTEAD OF INSERT ON shown FOR EACH ROW EXECUTE EDGE FUNCTION take(NEW.*)",
  );
  assert.deepEqual(await session.rows("INSERT INTO shown VALUES ('Ada', 'a') RETURNING *"), [
    { name: "Ada", mail: "by function" },
  ]);
  assert.equal((await refused(session, "INSERT INTO shown VALUES ('no', 'a')")).code, "23514");
  await session.rows(javascript(
    "whole",
    `export const main = ({ new: rows, operation }) => {
    if (rows.length > 2) throw new Error(operation + " of " + rows.length);
  }`,
  ));
  await session.rows(
    `CREATE TRIGGER whole AFTER INSERT ON people FOR EACH STATEMENT SYNC true EXECUTE EDGE FUNCTION whole`,
  );
  await session.rows("INSERT INTO people (name) VALUES ('a'), ('b')");
  assert.equal(
    (await refused(session, "INSERT INTO people (name) VALUES ('a'), ('b'), ('c')")).message,
    "insert of 3",
  );
});

test(
  "it is a Postgres trigger: listed, renamed, switched, dropped with its table",
  async (session, schema) => {
    await session.rows(PEOPLE);
    await session.rows(javascript("no", "export const main = () => false"));
    await session.rows(
      "CREATE TRIGGER no BEFORE INSERT ON people FOR EACH ROW EXECUTE EDGE FUNCTION no(NEW.*)",
    );
    const insert = "INSERT INTO people (name) VALUES ('x')";
    const listed = () => session.rows(`LIST EDGE TRIGGERS WHERE namespace = '${schema}'`);
    const [row] = await listed();
    assert.deepEqual([row?.["name"], row?.["kind"], row?.["function_id"], row?.["enabled"]], [
      "no",
      "database",
      `${schema}/no`,
      true,
    ]);
    assert.match(String(row?.["source"]), /BEFORE INSERT ON s\d+\.people/);
    await session.rows("DISABLE TRIGGER no");
    await session.rows(insert);
    assert.equal((await listed())[0]?.["enabled"], false);
    await session.rows("ENABLE TRIGGER no");
    assert.equal((await refused(session, insert)).code, "23514");
    await session.rows(
      "ALTER TABLE people RENAME TO persons; ALTER TRIGGER no ON persons RENAME TO nope",
    );
    assert.match(
      (await refused(session, "INSERT INTO persons (name) VALUES ('x')")).message,
      /"persons" was refused by trigger "nope"/,
    );
    assert.equal((await listed())[0]?.["name"], "nope");
    await session.rows("DROP TABLE persons");
    assert.deepEqual(await listed(), []);
  },
);

test("a function with triggers is dropped with CASCADE only", async (session) => {
  await session.rows(PEOPLE);
  await session.rows(javascript("no", "export const main = () => false"));
  const create =
    "CREATE TRIGGER no BEFORE INSERT ON people FOR EACH ROW EXECUTE EDGE FUNCTION no(NEW.*)";
  await session.rows(create);
  const { code, message } = await refused(session, "DROP EDGE FUNCTION no");
  assert.deepEqual([code, message], [
    "2BP01",
    "cannot drop edge function no because other objects depend on it",
  ]);
  await session.rows("DROP EDGE FUNCTION no CASCADE");
  await session.rows("INSERT INTO people (name) VALUES ('x')");
  // The name is free again, also after its table went by itself.
  await session.rows(javascript("no", "export const main = () => false"));
  await session.rows(create);
  await session.rows(`DROP TABLE people; ${PEOPLE}`);
  await session.rows(create);
});

test("trigger DDL is transactional, and errors point at their place", async (session, schema) => {
  await session.rows(PEOPLE);
  await session.rows(javascript("no", "export const main = () => false"));
  const create =
    "CREATE TRIGGER no BEFORE INSERT ON people FOR EACH ROW EXECUTE EDGE FUNCTION no(NEW.*)";
  await session.rows("BEGIN");
  await session.rows(create);
  await session.rows("SAVEPOINT here");
  assert.equal((await refused(session, "INSERT INTO people (name) VALUES ('x')")).code, "23514");
  await session.rows("ROLLBACK");
  await session.rows("INSERT INTO people (name) VALUES ('x')");
  const wrong: ReadonlyArray<readonly [statement: string, code: string, place: string]> = [
    [create.replace("people", "peple"), "42P01", "peple"],
    [create.replace("FUNCTION no", "FUNCTION nope"), "42883", "nope"],
    [create.replace("EXECUTE", "ON_EROR = 'allow' EXECUTE"), "22023", "ON_EROR"],
    [create.replace("EXECUTE", "BATCH_SIZE = 10 EXECUTE"), "22023", "BATCH_SIZE"],
    ["DROP TRIGGER nothing", "42704", "nothing"],
  ];
  for (const [statement, code, place] of wrong) {
    const { code: found, position } = await refused(session, statement);
    assert.deepEqual([found, position], [code, String(statement.indexOf(place) + 1)], statement);
  }
  await session.rows(create);
  assert.equal((await refused(session, create)).code, "42710");
  await session.rows(create.replace("CREATE", "CREATE OR REPLACE"));
  await session.rows("DROP TRIGGER no");
  await session.rows("DROP TRIGGER IF EXISTS no");
  await session.rows("INSERT INTO people (name) VALUES ('x')");
  assert.deepEqual(
    await session.rows(`SELECT * FROM system.edge_triggers WHERE namespace = '${schema}'`),
    [],
  );
});

test("who may only insert can insert, and can forge nothing", async (session, schema) => {
  await session.rows(PEOPLE);
  await session.rows(javascript("who", `export const main = (row) => ({ mail: "by function" })`));
  await session.rows("REVOKE EXECUTE ON FUNCTION who FROM PUBLIC");
  await session.rows(
    "CREATE TRIGGER who BEFORE INSERT ON people FOR EACH ROW EXECUTE EDGE FUNCTION who(NEW.*)",
  );
  await session.rows(
    `CREATE ROLE writer_${schema}; GRANT USAGE, CREATE ON SCHEMA ${schema} TO writer_${schema};
    GRANT INSERT, SELECT ON people TO writer_${schema}`,
  );
  const [{ id } = {}] = await session.rows("SELECT max(trigger_id) AS id FROM edge.triggers");
  await session.rows(`SET ROLE writer_${schema}`);
  assert.deepEqual(await session.rows("INSERT INTO people (name) VALUES ('x') RETURNING mail"), [{
    mail: "by function",
  }]);
  await session.rows("CREATE TABLE mine (name text)");
  await session.rows(
    `CREATE TRIGGER who BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION edge.fire_row('${id}')`,
  );
  assert.equal((await refused(session, "INSERT INTO mine VALUES ('x')")).code, "55000");
  const forged = [
    `SELECT edge.call_trigger(${id}, 'people'::regclass, 'who', 'insert', '{}', NULL, 'postgres')`,
    `SELECT edge.record_event(${id}, 'people'::regclass, 'who', 'insert', '{}', NULL, 'postgres')`,
    "SELECT edge.fire_row()",
    "INSERT INTO edge.events (trigger_id, operation, relation, role) VALUES (1, 'insert', 'x', 'postgres')",
    "SELECT edge.exchange(f, 'postgres', NULL, NULL) FROM edge.functions f",
    "CREATE TRIGGER theirs BEFORE INSERT ON mine FOR EACH ROW EXECUTE EDGE FUNCTION who(NEW.*)",
    "DROP TRIGGER who",
  ];
  for (const statement of forged) {
    const { code } = await refused(session, statement);
    assert.ok(["42501", "0A000", "55000"].includes(code), `${statement}: ${code}`);
  }
});

test("statement_timeout, DEADLINE and cancelling work in the middle of a row", async (session) => {
  await session.rows(PEOPLE);
  await session.rows(
    javascript("slow", "export const main = () => new Promise(() => setTimeout(() => {}, 60_000))"),
  );
  const create =
    "CREATE TRIGGER slow BEFORE INSERT ON people FOR EACH ROW EXECUTE EDGE FUNCTION slow(NEW.*)";
  await session.rows(create);
  await session.rows("SET statement_timeout = '300ms'");
  const insert = "INSERT INTO people (name) VALUES ('x')";
  assert.equal((await refused(session, insert)).code, "57014");
  await session.rows("RESET statement_timeout");
  await session.rows(
    create.replace("CREATE", "CREATE OR REPLACE").replace("EXECUTE", "DEADLINE 200ms EXECUTE"),
  );
  const late = await refused(session, insert);
  assert.deepEqual([late.code, late.message], ["57014", "Execution timeout (0.2s)"]);
  await session.rows("ALTER TRIGGER slow SET ON_ERROR = 'allow'");
  await session.rows(insert);
  assert.equal((await session.rows("SELECT count(*)::int AS n FROM people"))[0]?.["n"], 1);
});

test("rows of a partitioned table fire the trigger of their parent", async (session) => {
  await session.rows(`CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)`);
  await session.rows(javascript("name", `export const main = (row) => ({ name: "by function" })`));
  await session.rows(
    "CREATE TRIGGER name BEFORE INSERT ON parts FOR EACH ROW EXECUTE EDGE FUNCTION name(NEW.*)",
  );
  await session.rows("CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20)");
  assert.deepEqual(
    await session.rows("INSERT INTO parts (id) VALUES (1), (11) RETURNING name"),
    [{ name: "by function" }, { name: "by function" }],
  );
});
