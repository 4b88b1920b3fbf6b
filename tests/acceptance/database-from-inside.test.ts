/** The database as functions see it, in a whole node: whose rights, which values, what it survives. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { callFunction, functionUrl } from "./http-calls.ts";
import { metric } from "./metric.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;

Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE ROLE ada LOGIN PASSWORD 'opensesame'; CREATE ROLE bob LOGIN PASSWORD 'opensesame';
    CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY, owner name DEFAULT current_user, note text);
    INSERT INTO notes (owner, note) VALUES ('ada', 'of ada'), ('bob', 'of bob');
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON notes USING (owner = current_user);
    GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO ada, bob;
    CREATE TABLE users (id int PRIMARY KEY, name text);
    INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')`);
  // Runs whatever it is asked to: the tests' hand inside.
  await define(
    "run",
    "statements text[]",
    `export async function main(statements) {
      const db = await getDbConnection();
      const said = [];
      for (const sql of statements) {
        try {
          const { rows } = await db.query(sql);
          said.push(rows[0] === undefined ? null : Object.values(rows[0])[0]);
        } catch (error) {
          said.push(error.code);
        }
      }
      return said;
    }`,
  );
});

Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

async function define(name: string, parameters: string, code: string, options = ""): Promise<void> {
  await session.rows(
    `CREATE EDGE FUNCTION ${name}(${parameters}) RETURNS jsonb LANGUAGE javascript ${options} AS $fn$${code}$fn$`,
  );
}

async function sessionOf(role: string): Promise<SqlSession> {
  const url = new URL(orla.sqlUrl);
  [url.username, url.password] = [role, "opensesame"];
  return await openSession(url.href);
}

/** Calls with named arguments, as the holder of the anon key. */
async function asAnyone(name: string, args: unknown = {}): Promise<unknown> {
  const response = await callFunction(orla, name, { method: "POST", body: JSON.stringify(args) });
  return await response.json();
}

async function asService(name: string, args: unknown = {}): Promise<unknown> {
  const response = await fetch(functionUrl(orla, name), {
    method: "POST",
    headers: { apikey: orla.serviceKey },
    body: JSON.stringify(args),
  });
  return await response.json();
}

const busyConnections = (condition: string) =>
  session.value(
    `SELECT count(*)::int FROM pg_stat_activity WHERE usename LIKE 'orla_as_%' AND ${condition}`,
  );

Deno.test("a SQL caller's rows are that caller's own, and nobody is the platform", async () => {
  await define(
    "my_notes",
    "",
    `export async function main() {
      const db = await connectToDatabase();
      const { rows } = await db.query("SELECT note, current_user AS who FROM notes");
      return rows;
    }`,
  );
  for (const role of ["ada", "bob"]) {
    await using own = await sessionOf(role);
    assert.deepEqual(await own.value("SELECT my_notes()"), [{ note: `of ${role}`, who: role }]);
  }
  // Inside somebody's SECURITY DEFINER function the caller is its owner.
  await session.rows(`CREATE FUNCTION for_bob() RETURNS jsonb LANGUAGE sql SECURITY DEFINER
    AS $$ SELECT my_notes() $$; ALTER FUNCTION for_bob OWNER TO bob`);
  await using ada = await sessionOf("ada");
  assert.deepEqual(await ada.value("SELECT for_bob()"), [{ note: "of bob", who: "bob" }]);
  // The tests' own session is a superuser's.
  assert.deepEqual(await session.value("SELECT run(ARRAY['SELECT current_user'])"), [
    "orla_service",
  ]);
});

Deno.test("HTTP callers act as orla_anon or orla_service", async () => {
  const who = { statements: ["SELECT current_user", "SELECT count(*)::int FROM users"] };
  assert.deepEqual(await asAnyone("run", who), ["orla_anon", "42501"]);
  assert.deepEqual(await asService("run", who), ["orla_service", 2]);
  await session.rows("GRANT SELECT ON users TO orla_anon");
  assert.deepEqual(await asAnyone("run", who), ["orla_anon", 2]);
  await session.rows("REVOKE SELECT ON users FROM orla_anon");
});

Deno.test("SERVICE_ROLE lends the owner's rights, to those parts of the code that ask", async () => {
  await session.rows(`CREATE TABLE ledger (x int); ALTER TABLE ledger OWNER TO ada;
    INSERT INTO ledger VALUES (7); GRANT orla_admin TO ada; GRANT CREATE ON SCHEMA public TO ada`);
  await using ada = await sessionOf("ada");
  const code = `export async function handler(req, client, serviceClient) {
      const tried = async (db) => {
        try { return (await db.query("SELECT x, current_user AS who FROM ledger")).rows[0]; }
        catch (error) { return error.code; }
      };
      const explicit = await connectToDatabase({ role: "service" });
      return [await tried(client), await tried(serviceClient), await tried(explicit)];
    }`;
  await ada.rows(`CREATE EDGE FUNCTION balance LANGUAGE javascript AS $fn$${code}$fn$`);
  const call = async () => await (await callFunction(orla, "balance")).json();
  assert.deepEqual(await call(), ["42501", "forbidden", "forbidden"]);
  await ada.rows("ALTER EDGE FUNCTION balance SET SERVICE_ROLE = true");
  const row = { x: 7, who: "ada" };
  assert.deepEqual(await call(), ["42501", row, row]);
  // The owner's rights, not those of whoever owned it before.
  await session.rows("ALTER FUNCTION balance OWNER TO bob");
  await eventually(
    async () => JSON.stringify(await call()) === '["42501","42501","42501"]',
    10_000,
    "the owner is another",
  );
});

Deno.test("no statement makes another user of the caller", async () => {
  await using ada = await sessionOf("ada");
  const attacks = [
    "RESET ROLE",
    "SET ROLE bob",
    "SET ROLE postgres",
    "SET ROLE orla_service",
    "SET SESSION AUTHORIZATION postgres",
    "SET SESSION AUTHORIZATION DEFAULT",
    "COMMIT",
    "RESET ALL",
    "DISCARD ALL",
    "SELECT 1; SET ROLE bob",
    "SELECT set_config('role', 'bob', false)",
    "DO $$ BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'SET ROLE bob'; END $$",
    "ALTER ROLE SESSION_USER SUPERUSER",
    "GRANT bob TO SESSION_USER",
    "SELECT secret FROM edge.login_secret",
    "SELECT password FROM edge.callback",
    "SELECT value FROM edge.kv",
    "COPY users FROM PROGRAM 'id'",
    "SELECT dblink_connect('orla', '')",
  ];
  for (const attack of attacks) {
    const said = await ada.value("SELECT run($1)", [[
      attack,
      "SELECT note FROM notes WHERE owner <> 'ada'",
      "SELECT current_user",
    ]]);
    const [, others, who] = said as unknown[];
    assert.ok(others === null || others === "42501", `${attack}: ${JSON.stringify(said)}`);
    assert.ok(who === "ada" || String(who).startsWith("orla_as_"), `${attack}: ${who}`);
  }
  // What they left behind is nobody's: the same connections serve the next ones.
  assert.deepEqual(await ada.value("SELECT run(ARRAY['SELECT current_user'])"), ["ada"]);
});

Deno.test("no connection string, no password and no socket of the database is inside", async () => {
  await define(
    "look_around",
    "",
    `export async function main() {
      const seen = [JSON.stringify(Deno.env.toObject()), Deno.inspect(await connectToDatabase(), { depth: 9 })];
      const tried = [];
      for (const path of ["/tmp", "/run/postgresql", "."]) {
        try { tried.push([...Deno.readDirSync(path)].length); } catch (error) { tried.push(error.name); }
      }
      return [seen.join(), tried];
    }`,
  );
  const [seen, tried] = await asAnyone("look_around") as [string, unknown[]];
  assert.doesNotMatch(seen, /postgres|password|orla_as/i);
  assert.ok(tried.every((name) => typeof name === "string"), JSON.stringify(tried));
});

Deno.test("the examples people bring work as they are written", async () => {
  await define(
    "get_user",
    "input jsonb",
    `async function main(input) {
      const db = await connectToDatabase();
      const result = await db.query('SELECT * FROM users WHERE id = ?', [input.id]);
      return result.rows[0];
    }`,
  );
  await define(
    "pooled",
    "input jsonb",
    `async function main(input) {
      const db = await getDbConnection(); // From pool
      try {
        return await db.query('SELECT * FROM users WHERE id = $1', [input.id]);
      } finally {
        db.release();
      }
    }`,
  );
  await session.rows(`CREATE EDGE FUNCTION shop LANGUAGE javascript AS $fn$
    exports.handler = async (payload, sdk) => {
      const rows = await sdk.db.query("SELECT * FROM users WHERE id < $1 ORDER BY id", [18]);
      const user = await sdk.db.queryOne("SELECT * FROM users WHERE id = $1", [payload.id]);
      const added = await sdk.db.insert("users", { id: 100, name: "new" });
      const updated = await sdk.db.update("users", { name: "Newer" }, "id = $1", [100]);
      const found = await sdk.db.select("users", { id: 100 });
      const removed = await sdk.db.remove("users", "name = 'Newer'");
      return { rows: rows.length, user, added, updated, found, removed, none: await sdk.db.query_one("SELECT 1 WHERE false") };
    }; $fn$`);
  assert.deepEqual(await session.value(`SELECT get_user('{"id": 1}')`), { id: 1, name: "Ada" });
  const pooled = await session.value(`SELECT pooled('{"id": 2}')`) as Record<string, unknown>;
  assert.deepEqual([pooled["rows"], pooled["rowCount"]], [[{ id: 2, name: "Bob" }], 1]);
  const response = await fetch(functionUrl(orla, "shop"), {
    method: "POST",
    headers: { apikey: orla.serviceKey, "content-type": "application/json" },
    body: '{"id": 2}',
  });
  assert.deepEqual(await response.json(), {
    rows: 2,
    user: { id: 2, name: "Bob" },
    added: { id: 100, name: "new" },
    updated: 1,
    found: [{ id: 100, name: "Newer" }],
    removed: 1,
    none: null,
  });
});

Deno.test("values go in and out as arguments do", async () => {
  await session.rows(`CREATE TABLE everything (
    id bigint, small smallint, price numeric, ratio float8, flag boolean, t text, b bytea, at timestamptz,
    day date, j jsonb, list int[], texts text[], u uuid)`);
  await define(
    "round_trip",
    "",
    `export async function main() {
      const db = await connectToDatabase();
      const row = {
        id: 9007199254740993n, small: 7, price: "12345678901234567890.50", ratio: NaN, flag: true,
        t: "it's; -- \\"é\\"", b: new Uint8Array([0, 255]), at: new Date(0), day: "2020-02-29",
        j: { deep: [1, null, "x"] }, list: [1, null, 3], texts: ["a,b", 'c"d', ""],
        u: "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
      };
      const back = await db.insert("everything", row);
      const kinds = Object.fromEntries(Object.entries(back).map(([name, value]) =>
        [name, value instanceof Uint8Array ? "bytes" : Array.isArray(value) ? "list" : typeof value]));
      const same = ["id", "small", "flag", "t", "day", "u", "price"].every((name) => back[name] === row[name]);
      return { kinds, same, bytes: [...back.b], at: back.at, j: back.j, list: back.list, texts: back.texts,
        nan: Number.isNaN(back.ratio), small: (await db.queryOne("SELECT 5::bigint AS n, 1.5::numeric AS d")) };
    }`,
  );
  assert.deepEqual(await asService("round_trip"), {
    kinds: {
      ...{ id: "bigint", small: "number", price: "string", ratio: "number", flag: "boolean" },
      ...{ t: "string", b: "bytes", at: "string", day: "string", j: "object", list: "list" },
      ...{ texts: "list", u: "string" },
    },
    same: true,
    bytes: [0, 255],
    at: "1970-01-01T00:00:00+00:00",
    j: { deep: [1, null, "x"] },
    list: [1, null, 3],
    texts: ["a,b", 'c"d', ""],
    nan: true,
    small: { n: 5, d: 1.5 },
  });
});

Deno.test("transactions: all or nothing, one within the other, and the error is the author's", async () => {
  await session.rows(
    "CREATE TABLE accounts (name text PRIMARY KEY, amount int CHECK (amount >= 0))",
  );
  await session.rows("INSERT INTO accounts VALUES ('a', 10), ('b', 0)");
  await define(
    "move",
    "amount int",
    `export async function main(amount) {
      const db = await connectToDatabase();
      try {
        return await db.transaction(async (tx) => {
          await tx.update("accounts", { amount: 99 }, { name: "b" });
          await tx.transaction(async (inner) => {
            await inner.query("UPDATE accounts SET amount = 1000");
            throw new Error("undone");
          }).catch(() => {});
          await tx.query("UPDATE accounts SET amount = ? WHERE name = 'b'", [amount]);
          const { rows } = await tx.query("UPDATE accounts SET amount = amount - ? WHERE name = 'a' RETURNING amount", [amount]);
          return rows[0].amount;
        }, { isolation: "serializable" });
      } catch (error) {
        return { name: error.name, code: error.code, constraint: error.constraint, own: error.stack.includes("main") };
      }
    }`,
  );
  assert.equal(await asService("move", { amount: 4 }), 6);
  assert.deepEqual(await asService("move", { amount: 40 }), {
    name: "DatabaseError",
    code: "23514",
    constraint: "accounts_amount_check",
    own: true,
  });
  assert.deepEqual(await session.rows("SELECT * FROM accounts ORDER BY name"), [
    { name: "a", amount: 6 },
    { name: "b", amount: 4 },
  ]);
});

Deno.test("a million rows stream through an instance of 128 MB", async () => {
  await define(
    "sum_up",
    "",
    `export async function main() {
      const db = await connectToDatabase();
      let [count, sum] = [0, 0];
      for await (const { g, filler } of db.stream(
        "SELECT g, repeat('x', 100) AS filler FROM generate_series(1, $1::int) g", [1_000_000])) {
        count++;
        sum += g + filler.length;
      }
      return { count, sum };
    }`,
    "MEMORY '128MB' TIMEOUT '5min'",
  );
  assert.deepEqual(await asAnyone("sum_up"), {
    count: 1_000_000,
    sum: 500_000_500_000 + 100_000_000,
  });
});

Deno.test("a stream left early, and one that fails, leave nothing open", async () => {
  await define(
    "early",
    "",
    `export async function main() {
      const db = await connectToDatabase();
      const seen = [];
      for await (const { g } of db.stream("SELECT generate_series(1, 1000000) AS g")) {
        seen.push(g);
        if (g === 3) break;
      }
      try {
        for await (const _ of db.stream("SELECT 1 / (5 - g) FROM generate_series(1, 9) g"));
      } catch (error) { seen.push(error.code); }
      return seen;
    }`,
  );
  assert.deepEqual(await asAnyone("early"), [1, 2, 3, "22012"]);
  await eventually(
    async () => await busyConnections("state <> 'idle'") === 0,
    10_000,
    "no connection is in use",
  );
});

Deno.test("TIMEOUT and a caller who leaves cancel the statement at the server", async () => {
  await define(
    "sleepy",
    "",
    `export async function main() {
      const db = await connectToDatabase();
      await db.query("SELECT pg_sleep(600)");
    }`,
    "TIMEOUT 500",
  );
  await define(
    "sleepy_without_end",
    "",
    `export async function main() {
      await (await connectToDatabase()).query("SELECT pg_sleep(600)");
    }`,
    "TIMEOUT '10min'",
  );
  const sleeping = "query LIKE '%pg_sleep(600)%' AND state = 'active'";
  const response = await callFunction(orla, "sleepy", { method: "POST", body: "[]" });
  assert.deepEqual([response.status, (await response.json()).code], [504, "timeout"]);
  await eventually(async () => await busyConnections(sleeping) === 0, 10_000, "it was cancelled");

  const leaving = new AbortController();
  const left = callFunction(orla, "sleepy_without_end", {
    method: "POST",
    body: "[]",
    signal: leaving.signal,
  })
    .then(() => assert.fail("it answered"), () => {});
  await eventually(async () => await busyConnections(sleeping) === 1, 10_000, "it sleeps");
  leaving.abort();
  await left;
  await eventually(async () => await busyConnections(sleeping) === 0, 10_000, "it was cancelled");
});

Deno.test("an instance that is killed takes its statements and transactions with it", async () => {
  await define(
    "half_done",
    "",
    `export async function main() {
      const db = await getDbConnection();
      await db.query("BEGIN");
      await db.query("INSERT INTO users VALUES (555, 'half')");
      setTimeout(() => { for (const all = [];;) all.push(new Array(100_000).fill(0.5)); }, 50);
      await db.query("SELECT pg_sleep(600)");
    }`,
  );
  const response = await fetch(functionUrl(orla, "half_done"), {
    method: "POST",
    headers: { apikey: orla.serviceKey },
    body: "[]",
  });
  assert.deepEqual([response.status, (await response.json()).code], [500, "memory_limit_exceeded"]);
  await eventually(
    async () => await busyConnections("state <> 'idle'") === 0,
    10_000,
    "it is over",
  );
  assert.equal(await session.value("SELECT count(*)::int FROM users WHERE id = 555"), 0);
});

Deno.test("connections killed at the server fail their statement; the next one works", async () => {
  await define(
    "twice",
    "",
    `export async function main() {
      const db = await connectToDatabase();
      const first = await db.query("SELECT pg_sleep(600)").catch((error) => error.name + " " + error.code);
      const { rows } = await db.query("SELECT 1 AS one");
      return [first, rows];
    }`,
  );
  const answer = asAnyone("twice");
  const sleeping = "usename LIKE 'orla_as_%' AND query LIKE '%pg_sleep(600)%' AND state = 'active'";
  await eventually(
    async () =>
      await session.value(
        `SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity WHERE ${sleeping}`,
      ) === 1,
    10_000,
    "it was killed",
  );
  const [first, rows] = await answer as [string, unknown];
  assert.match(first, /^(DatabaseError 57P01|HostError unavailable)$/);
  assert.deepEqual(rows, [{ one: 1 }]);
});

Deno.test("a function that holds all its connections starves only itself", async () => {
  await define(
    "greedy",
    "",
    `export async function main() {
      const all = [];
      for (;;) {
        const opening = getDbConnection();
        opening.catch(() => {});
        all.push(opening);
        if (all.length === 40) break;
      }
      return await Promise.all(all);
    }`,
    "TIMEOUT '30s'",
  );
  const used = 'orla_function_database_connections{state="used"}';
  const leaving = new AbortController();
  const greedy = Array.from(
    { length: 4 },
    () =>
      callFunction(orla, "greedy", { method: "POST", body: "[]", signal: leaving.signal })
        .then((response) => response.body?.cancel(), () => {}),
  );
  await eventually(async () => await metric(orla, used) === 5, 10_000, "it holds all of its five");
  assert.ok(await metric(orla, "orla_function_database_waiting") > 0);
  for (let time = 0; time < 20; time++) {
    assert.deepEqual(await asAnyone("run", { statements: ["SELECT 'served'"] }), ["served"]);
  }
  leaving.abort();
  await Promise.all(greedy);
  await eventually(async () => await metric(orla, used) === 0, 10_000, "all were given back");
});

Deno.test("the database is for calls, not for the loading of a module", async () => {
  const { code, message } = await session.failure(
    `CREATE EDGE FUNCTION too_early LANGUAGE javascript AS $fn$
      const db = await connectToDatabase();
      const { rows } = await db.query("SELECT 1");
      export const main = () => rows; $fn$; SELECT too_early()`,
  );
  assert.equal(code, "38000");
  assert.match(message, /only while a call runs/);
});

Deno.test("kv is shared by a namespace's functions and by no other's", async () => {
  await session.rows("CREATE SCHEMA shelf");
  const code = `export async function main(steps) {
      const said = [];
      for (const [method, ...args] of steps) {
        try { said.push(await kv[method](...args)); } catch (error) { said.push(error.code ?? error.name); }
      }
      return said;
    }`;
  for (const name of ["keep_one", "keep_two", "shelf.keep"]) {
    await define(name, "steps jsonb", code);
  }
  const keep = (name: string, ...steps: unknown[]) => asAnyone(name, { steps });
  assert.deepEqual(
    await keep("keep_one", ["get", "a"], ["set", "a", { x: [1, "é"] }], ["increment", "n", 3], [
      "get",
      "a",
    ]),
    [null, null, 3, { x: [1, "é"] }],
  );
  assert.deepEqual(
    await keep("keep_two", ["increment", "n"], ["compareAndSet", "a", { x: [1, "é"] }, 2], [
      "compareAndSet",
      "a",
      1,
      3,
    ], ["list", { limit: 1 }]),
    [4, true, false, { keys: ["a"], next: "a" }],
  );
  assert.deepEqual(await keep("shelf/keep", ["get", "a"], ["list"]), [null, {
    keys: [],
    next: null,
  }]);
  assert.deepEqual(
    await keep(
      "keep_one",
      ["set", "", 1],
      ["set", "k".repeat(513), 1],
      ["set", "big", "x".repeat(1 << 20)],
      ["increment", "a", 0.5],
      ["set", "t", 1, { ttl: -1 }],
      ["delete", "n"],
      ["delete", "n"],
    ),
    [
      "invalid_request",
      "invalid_request",
      "limit_exceeded",
      "invalid_request",
      "invalid_request",
      true,
      false,
    ],
  );
});

Deno.test("recordMetric shows in /metrics", async () => {
  await define(
    "measured",
    "",
    `export function main() {
      recordMetric("items", 3);
      recordMetric("items", 4.5);
      const refused = [];
      for (const args of [["a b", 1], ["x", NaN], [1, 1]]) {
        try { recordMetric(...args); } catch (error) { refused.push(error.name); }
      }
      return refused;
    }`,
  );
  assert.deepEqual(await asAnyone("measured"), ["TypeError", "TypeError", "TypeError"]);
  const series = 'orla_function_metric_sum{function="measured",metric="items"}';
  await eventually(
    async () => await metric(orla, series).catch(() => 0) === 7.5,
    10_000,
    "it is counted",
  );
});

Deno.test("twenty thousand host calls at once are refused, and the neighbours served", async () => {
  await define(
    "flood",
    "",
    `export async function main() {
      const asked = [];
      for (let i = 0; i < 20_000; i++) asked.push(kv.get("k" + i).then(() => "ok", (error) => error.code));
      const counts = {};
      for (const said of await Promise.all(asked)) counts[said] = (counts[said] ?? 0) + 1;
      return counts;
    }`,
    "MEMORY '512MB' TIMEOUT '2min'",
  );
  const flooding = asAnyone("flood");
  for (let time = 0; time < 20; time++) {
    assert.deepEqual(await asAnyone("run", { statements: ["SELECT 1"] }), [1]);
  }
  const counts = await flooding as Record<string, number>;
  assert.ok((counts["ok"] ?? 0) >= 1000, JSON.stringify(counts));
  assert.equal(
    (counts["ok"] ?? 0) + (counts["limit_exceeded"] ?? 0),
    20_000,
    JSON.stringify(counts),
  );
});
