/** Functions where Postgres users put functions: over sets, in views, checks, PL/pgSQL, behind grants. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually, familyOf } from "../processes.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE EDGE FUNCTION square(n int) RETURNS bigint LANGUAGE javascript AS $$
      export const main = (n) => n === null ? null : n * n;
    $$;
    CREATE EDGE FUNCTION forever() RETURNS text LANGUAGE javascript TIMEOUT 10min AS $$
      export const main = () => new Promise(() => {});
    $$;
    CREATE EDGE FUNCTION spin() RETURNS text LANGUAGE javascript TIMEOUT 3s AS $$
      export function main() { for (;;); }
    $$;
    CREATE TABLE numbers (n int);
    INSERT INTO numbers SELECT generate_series(1, 10000);
    INSERT INTO numbers VALUES (NULL)`);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

Deno.test("SELECT f(n) over ten thousand rows", async () => {
  const [row] = await session.rows(
    "SELECT sum(square(n))::text AS sum, sum(n::bigint * n)::text AS expected, " +
      "count(square(n))::int AS answered, count(*)::int AS rows FROM numbers",
  );
  // Twice for each row: once in the sum, once in the count.
  assert.deepEqual(row, {
    sum: "333383335000",
    expected: "333383335000",
    answered: 10_000,
    rows: 10_001,
  });
  await eventually(
    async () =>
      await session.value(
        "SELECT count(*)::int FROM system.edge_function_executions " +
          "WHERE function_id = 'square' AND status = 'succeeded' AND trigger = 'sql'",
      ) === 20_002,
    10_000,
    "every call has its record",
  );
});

Deno.test("in WHERE, ORDER BY, GROUP BY, JOIN, LATERAL, a subquery and RETURNING", async () => {
  assert.deepEqual(
    await session.rows(
      "SELECT n FROM numbers WHERE n <= 50 AND square(n) BETWEEN 100 AND 200 ORDER BY -square(n)",
    ),
    [14, 13, 12, 11, 10].map((n) => ({ n })),
  );
  assert.deepEqual(
    await session.rows(
      "SELECT square(n % 2) AS s, count(*)::int FROM numbers WHERE n <= 5 GROUP BY 1 ORDER BY 1",
    ),
    [{ s: "0", count: 2 }, { s: "1", count: 3 }],
  );
  assert.deepEqual(
    await session.rows(
      "SELECT a.n, s FROM generate_series(1, 3) AS a(n), LATERAL square(a.n) AS s " +
        "JOIN generate_series(1, 9) AS b(n) ON b.n = s WHERE a.n IN (SELECT square(1) UNION SELECT 3)",
    ),
    [{ n: 1, s: "1" }, { n: 3, s: "9" }],
  );
  assert.deepEqual(
    await session.rows("INSERT INTO numbers VALUES (-3) RETURNING square(n) AS s"),
    [{ s: "9" }],
  );
  await session.rows("DELETE FROM numbers WHERE n < 0 AND square(n) = 9");
});

Deno.test("in a view, a check, a default, a trigger and PL/pgSQL", async () => {
  await session.rows(`
    CREATE VIEW squares AS SELECT n, square(n) AS squared FROM numbers WHERE n <= 3;
    CREATE TABLE checked (n int CHECK (square(n) < 100), s bigint DEFAULT square(7));
    CREATE FUNCTION square_it() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN NEW.s := coalesce(NEW.s, 0) + square(NEW.n); RETURN NEW; END $$;
    CREATE FUNCTION sum_of_squares(up_to int) RETURNS bigint LANGUAGE plpgsql AS $$
      DECLARE total bigint := 0;
      BEGIN
        FOR i IN 1..up_to LOOP total := total + square(i); END LOOP;
        BEGIN
          PERFORM square(NULL), broken();
        EXCEPTION WHEN undefined_function THEN total := -total;
        END;
        RETURN total;
      END $$`);
  assert.deepEqual(
    await session.rows("SELECT squared FROM squares ORDER BY 1"),
    ["1", "4", "9"].map((squared) => ({ squared })),
  );
  assert.deepEqual(await session.rows("INSERT INTO checked (n) VALUES (3) RETURNING *"), [
    { n: 3, s: "49" },
  ]);
  assert.equal((await session.failure("INSERT INTO checked VALUES (10)")).code, "23514");
  await session.rows(
    "CREATE TRIGGER squares BEFORE INSERT ON checked FOR EACH ROW EXECUTE FUNCTION square_it()",
  );
  assert.deepEqual(await session.rows("INSERT INTO checked VALUES (4, NULL) RETURNING s"), [
    { s: "16" },
  ]);
  assert.equal(await session.value("SELECT sum_of_squares(4)"), "-30");
  // A view depends on its function, as it would on any.
  const refused = await session.failure("DROP EDGE FUNCTION square");
  assert.equal(refused.code, "2BP01");
  assert.match(refused.detail ?? "", /view public\.squares depends on function public\.square/);
});

Deno.test("where Postgres wants immutable functions, it refuses", async () => {
  const refused = [
    "CREATE INDEX ON numbers (square(n))",
    "CREATE TABLE generated (n int, s bigint GENERATED ALWAYS AS (square(n)) STORED)",
    "CREATE TABLE parted (n int) PARTITION BY RANGE (square(n))",
  ];
  for (const text of refused) assert.equal((await session.failure(text)).code, "42P17", text);
});

Deno.test("an error in a query is the function's own, and its transaction's", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION picky(n int) RETURNS int LANGUAGE javascript AS $$
      export function main(n) {
        if (n > 3) throw new RangeError("too many: " + n);
        return n;
      }
    $$;
    CREATE TABLE kept (n int)`);
  const error = await session.failure(
    "INSERT INTO kept SELECT picky(n) FROM generate_series(1, 9) n",
  );
  assert.deepEqual([error.code, error.message], ["38000", "RangeError: too many: 4"]);
  assert.match(error.detail ?? "", /RangeError: too many: 4\n +at main \(picky\.js:\d+:\d+\)/);
  assert.deepEqual(await session.rows("SELECT FROM kept"), []);
});

Deno.test("EXECUTE is granted and revoked as for any function", async () => {
  const url = new URL(orla.sqlUrl);
  url.username = "ada";
  url.password = "opensesame";
  await session.rows(`
    CREATE ROLE ada LOGIN PASSWORD 'opensesame';
    CREATE ROLE readers;
    CREATE EDGE FUNCTION secret(n int) RETURNS int LANGUAGE javascript AS $$
      export const main = (n) => n;
    $$;
    CREATE FUNCTION trusted() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT secret(5)'`);
  await using ada = await openSession(url.href);
  assert.equal(await ada.value("SELECT secret(1)"), 1);
  await session.rows("REVOKE EXECUTE ON FUNCTION secret FROM PUBLIC");
  assert.equal((await ada.failure("SELECT secret(1)")).code, "42501");
  assert.equal((await ada.failure("EXECUTE EDGE FUNCTION secret(1)")).code, "42501");
  assert.equal(await ada.value("SELECT trusted()"), 5);
  assert.equal((await ada.failure("DROP EDGE FUNCTION secret")).code, "42501");
  assert.equal((await ada.failure("ALTER EDGE FUNCTION secret SET MEMORY = 64MB")).code, "42501");
  await session.rows("GRANT EXECUTE ON FUNCTION secret TO readers; GRANT readers TO ada");
  assert.equal(await ada.value("SELECT secret(2)"), 2);
  await session.rows("ALTER EDGE FUNCTION secret SET MEMORY = 64MB");
  assert.equal(await ada.value("SELECT secret(3)"), 3);
  await session.rows("REVOKE readers FROM ada");
  assert.equal((await ada.failure("SELECT secret(1)")).code, "42501", "a change revokes nothing");
  const create = "CREATE EDGE FUNCTION mine LANGUAGE javascript AS $$ export default () => 1 $$";
  assert.equal((await ada.failure(create)).code, "42501");
  await session.rows("CREATE SCHEMA ada AUTHORIZATION ada; GRANT orla_admin TO ada");
  await ada.rows(create.replace("mine", "ada.mine").replace("=> 1", "=> new Response('1')"));
  assert.equal(await ada.value("SELECT ada.mine()"), "1");
});

Deno.test("search_path decides between two functions of one name", async () => {
  await session.rows("CREATE SCHEMA blue; CREATE SCHEMA red");
  for (const name of ["blue.colour", "red.colour"]) {
    await session.rows(
      `CREATE EDGE FUNCTION ${name}() RETURNS text LANGUAGE javascript AS $$ export const main = () => "${name}" $$`,
    );
  }
  const colour = () => session.value("SELECT colour()");
  await session.rows("SET search_path = blue, red");
  assert.equal(await colour(), "blue.colour");
  assert.equal(await session.value("EXECUTE EDGE FUNCTION colour()"), "blue.colour");
  await session.rows("SET search_path = red, blue");
  assert.equal(await colour(), "red.colour");
  assert.equal(await session.value("SELECT blue.colour()"), "blue.colour");
  // Unqualified, a change is of what a call would find.
  await session.rows(
    "ALTER EDGE FUNCTION colour SET CODE = $$ export const main = () => 'deep red' $$",
  );
  assert.equal(await colour(), "deep red");
  await session.rows("DROP EDGE FUNCTION colour");
  assert.equal(await colour(), "blue.colour");
  await session.rows("RESET search_path");
  assert.equal((await session.failure("SELECT colour()")).code, "42883");
  for (const namespace of ["blue", "red"]) {
    const { status } = await fetch(`${orla.http}/functions/v1/${namespace}/colour`, {
      headers: { apikey: orla.anonKey },
    }).then(async (response) => (await response.body?.cancel(), response));
    assert.equal(status, namespace === "blue" ? 200 : 404);
  }
});

/** The functions would go on for ten minutes: that their calls end at all is the proof. */
async function areOver(functionId: string, n: number): Promise<void> {
  const statuses = Array(n).fill("cancelled").join();
  await eventually(
    async () => await statusesOf(functionId) === statuses,
    10_000,
    `the ${n} calls of ${functionId} are recorded as cancelled`,
  );
}

const statusesOf = (functionId: string) =>
  session.value(
    "SELECT string_agg(status, ',' ORDER BY timestamp) FROM system.edge_function_executions " +
      "WHERE function_id = $1",
    [functionId],
  );

/** Resolves when the function's `n`th call is running, and the ones before are over. */
async function runs(functionId: string, n: number): Promise<void> {
  const statuses = [...Array(n - 1).fill("cancelled"), "running"].join();
  await eventually(
    async () => await statusesOf(functionId) === statuses,
    10_000,
    `${functionId} runs`,
  );
}

Deno.test("statement_timeout, pg_cancel_backend, Ctrl-C and pg_terminate_backend stop a function", async () => {
  await using victim = await openSession(orla.sqlUrl);
  const pid = await victim.value("SELECT pg_backend_pid()");
  await victim.rows("SET statement_timeout = '300ms'");
  const late = await victim.failure("SELECT forever()");
  assert.deepEqual([late.code, late.message], [
    "57014",
    "canceling statement due to statement timeout",
  ]);
  await victim.rows("RESET statement_timeout");
  assert.equal(await victim.value("SELECT square(2)"), "4", "the session goes on");

  const cancelled = victim.failure("SELECT forever()");
  await runs("forever", 2);
  await session.rows("SELECT pg_cancel_backend($1)", [pid]);
  assert.equal((await cancelled).code, "57014");
  assert.equal(await victim.value("SELECT square(3)"), "9");

  const psql = new Deno.Command("psql", {
    args: [orla.sqlUrl, "-X", "-c", "SELECT forever()"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  await runs("forever", 3);
  psql.kill("SIGINT");
  const { stderr } = await psql.output();
  assert.match(new TextDecoder().decode(stderr), /canceling statement due to user request/);

  const ended = victim.failure("SELECT forever()");
  await runs("forever", 4);
  await session.rows("SELECT pg_terminate_backend($1)", [pid]);
  assert.equal((await ended).code, "57P01");
  await areOver("forever", 4);
});

Deno.test("cancelling stops a busy loop, too", async () => {
  await using victim = await openSession(orla.sqlUrl);
  const pid = await victim.value("SELECT pg_backend_pid()");
  const cancelled = victim.failure("SELECT spin()");
  await runs("spin", 1);
  await session.rows("SELECT pg_cancel_backend($1)", [pid]);
  assert.equal((await cancelled).code, "57014");
  await areOver("spin", 1);
  // Its process goes as well: a loop that nobody waits for must not keep a core.
  await eventually(
    async () => await busyChildren(orla.pid) === 0,
    10_000,
    "no process of the node is busy",
  );
});

/** Children of the node that used processor time for most of the last quarter of a second. */
async function busyChildren(node: number): Promise<number> {
  const ticks = async () => {
    const used = new Map<number, number>();
    for (const { pid } of await familyOf(node)) {
      const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      used.set(pid, Number(fields[11] ?? 0));
    }
    return used;
  };
  const before = await ticks();
  await new Promise((resolve) => setTimeout(resolve, 250));
  const after = await ticks();
  return [...after].filter(([pid, used]) => used - (before.get(pid) ?? used) >= 10).length;
}
