/** Asynchronous triggers: messages and events of tables become jobs that are run until they succeed or are dead. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE TABLE done (id bigint GENERATED ALWAYS AS IDENTITY, who text, what jsonb);
    CREATE TABLE orders (id int PRIMARY KEY, status text)`);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

/** Writes what it was called with into `done`, as the trigger's owner. */
const recorder = (name: string, before = "") =>
  `CREATE OR REPLACE EDGE FUNCTION ${name} LANGUAGE javascript AS $$
    export async function main(payload) {
      ${before}
      const db = await connectToDatabase();
      await db.query("INSERT INTO done (who, what) VALUES ('${name}', $1)", [JSON.stringify(payload)]);
    }
  $$`;

/** Polls, since what is awaited happens in another process. */
async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)}\n${orla.logs()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const doneBy = (who: string) =>
  session.rows("SELECT what FROM done WHERE who = $1 ORDER BY id", [who]).then((rows) =>
    rows.map(({ what }) => what)
  );

Deno.test("messages are delivered on commit, and never those that were rolled back", async () => {
  await session.rows(recorder("take"));
  await session.rows("CREATE TRIGGER take ON QUEUE 'letters' EXECUTE EDGE FUNCTION take");
  await session.rows(`BEGIN; SELECT edge.enqueue('letters', '{"n": 0}'); ROLLBACK`);
  await session.rows("BEGIN");
  await session.rows(`SELECT edge.enqueue('letters', '{"n": 1}')`);
  await session.rows(`SELECT edge.enqueue('letters', '"two"')`);
  await session.rows("COMMIT");
  const done = await until(() => doneBy("take"), ({ length }) => length >= 2);
  assert.deepEqual(
    new Set(done.map((what) => JSON.stringify(what))),
    new Set(['{"n":1}', '"two"']),
  );
  const [row] = await until(
    () =>
      session.rows(
        "SELECT succeeded::int, failed::int, last_run IS NOT NULL AS ran FROM system.edge_triggers WHERE name = 'take'",
      ),
    ([found]) => found?.["succeeded"] === 2,
  );
  assert.deepEqual(row, { succeeded: 2, failed: 0, ran: true });
  const executions = await until(
    () =>
      session.rows(
        "SELECT trigger, trigger_name, event_id, role FROM system.edge_function_executions WHERE function_id = 'take'",
      ),
    ({ length }) => length === 2,
  );
  assert.equal(
    executions.every(({ trigger, trigger_name, event_id }) =>
      trigger === "queue" && trigger_name === "take" && event_id !== null
    ),
    true,
  );
});

Deno.test("a failed job is tried again, then dead with its reason, then replayed", async () => {
  await session.rows(recorder("fragile", `if (payload.broken) throw new Error("no such luck");`));
  await session.rows(`CREATE TRIGGER fragile ON QUEUE 'fragile' MAX_ATTEMPTS 3 RETRY_DELAY 20ms
    EXECUTE EDGE FUNCTION fragile`);
  await session.rows(`SELECT edge.enqueue('fragile', '{"broken": true}')`);
  const [letter] = await until(
    () => session.rows("SELECT * FROM system.edge_dead_letters WHERE trigger_name = 'fragile'"),
    ({ length }) => length === 1,
  );
  assert.deepEqual([
    letter?.["attempts"],
    letter?.["error"],
    (letter?.["payload"] as { message: unknown }).message,
  ], [
    3,
    "no such luck",
    { broken: true },
  ]);
  // The letter is written first, so that the job is never in neither place.
  await until(
    () => session.rows("SELECT * FROM system.edge_jobs WHERE queue = 'fragile'"),
    ({ length }) => length === 0,
  );
  await session.rows(recorder("fragile"));
  assert.equal(await session.value("SELECT edge.replay($1)", [letter?.["dead_letter_id"]]), 1);
  assert.deepEqual(await until(() => doneBy("fragile"), ({ length }) => length === 1), [{
    broken: true,
  }]);
  assert.deepEqual(await session.rows("SELECT * FROM system.edge_dead_letters"), []);
});

Deno.test("messages of one key keep their order, also around a failure", async () => {
  await session.rows("CREATE TABLE once (n int PRIMARY KEY)");
  await session.rows(recorder(
    "ordered",
    `
    const db0 = await connectToDatabase();
    if (payload.n === 2) {
      const { rowCount } = await db0.query("INSERT INTO once VALUES (2) ON CONFLICT DO NOTHING", []);
      if (rowCount === 1) throw new Error("only the first time");
    }`,
  ));
  await session.rows(
    "CREATE TRIGGER ordered ON QUEUE 'ordered' RETRY_DELAY 200ms EXECUTE EDGE FUNCTION ordered",
  );
  await session.rows("BEGIN");
  for (let n = 1; n <= 6; n++) {
    await session.rows("SELECT edge.enqueue('ordered', $1, key => 'a')", [JSON.stringify({ n })]);
  }
  await session.rows("COMMIT");
  const done = await until(() => doneBy("ordered"), ({ length }) => length >= 6);
  assert.deepEqual(done.map((what) => (what as { n: number }).n), [1, 2, 3, 4, 5, 6]);
});

Deno.test("unique keys, delays and priorities", async () => {
  await session.rows(recorder("unique"));
  for (let n = 0; n < 3; n++) {
    await session.rows(
      `SELECT edge.enqueue('unique', '{}', delay => '300 ms', unique_key => 'same')`,
    );
  }
  const jobs = await session.rows(
    "SELECT queue, status FROM system.edge_jobs WHERE queue = 'unique'",
  );
  assert.deepEqual(jobs, [{ queue: "unique", status: "delayed" }]);
  await session.rows("CREATE TRIGGER u ON QUEUE 'unique' EXECUTE EDGE FUNCTION unique");
  await until(() => doneBy("unique"), ({ length }) => length === 1);
});

Deno.test("AFTER triggers hand over the row, and a batch as an array", async () => {
  await session.rows(recorder("note"));
  await session.rows(
    `CREATE TRIGGER note AFTER UPDATE ON orders FOR EACH ROW WHEN (NEW.status = 'paid')
    EXECUTE EDGE FUNCTION note(NEW.*)`,
  );
  await session.rows("INSERT INTO orders SELECT n, 'new' FROM generate_series(1, 3) n");
  await session.rows("BEGIN; UPDATE orders SET status = 'paid' WHERE id = 3; ROLLBACK");
  await session.rows("UPDATE orders SET status = 'paid' WHERE id = 2");
  assert.deepEqual(await until(() => doneBy("note"), ({ length }) => length > 0), [{
    id: 2,
    status: "paid",
  }]);
  await session.rows(recorder("many", "payload = payload.length;"));
  await session.rows(
    "CREATE TRIGGER many AFTER INSERT ON orders FOR EACH ROW BATCH_SIZE = 400 EXECUTE EDGE FUNCTION many(NEW.*)",
  );
  await session.rows("INSERT INTO orders SELECT n, 'new' FROM generate_series(1001, 2000) n");
  const sizes = await until(
    () => doneBy("many"),
    (done) => done.reduce<number>((sum, n) => sum + Number(n), 0) >= 1000,
  );
  assert.deepEqual(sizes.map(Number).sort((a, b) => a - b), [200, 400, 400]);
  await session.rows(
    recorder("whole", "payload = [payload.operation, payload.new.length, payload.old.length];"),
  );
  await session.rows(
    "CREATE TRIGGER whole AFTER UPDATE ON orders FOR EACH STATEMENT EXECUTE EDGE FUNCTION whole",
  );
  await session.rows("UPDATE orders SET status = 'x' WHERE id < 3");
  assert.deepEqual(await until(() => doneBy("whole"), ({ length }) => length > 0), [[
    "update",
    2,
    2,
  ]]);
});

Deno.test("a switched-off trigger's messages wait for it", async () => {
  await session.rows(recorder("patient"));
  await session.rows("CREATE TRIGGER patient ON QUEUE 'patient' EXECUTE EDGE FUNCTION patient");
  await session.rows("DISABLE TRIGGER patient");
  await session.rows(`SELECT edge.enqueue('patient', '1')`);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.deepEqual(await doneBy("patient"), []);
  await session.rows("ENABLE TRIGGER patient");
  assert.deepEqual(await until(() => doneBy("patient"), ({ length }) => length === 1), [1]);
});

Deno.test("a recorded event runs again, against any version, without what was redacted", async () => {
  const answer = (says: string) =>
    `CREATE OR REPLACE EDGE FUNCTION replayed LANGUAGE javascript AS $$
    export const handler = (payload) => ({ ${says}: payload });
  $$`;
  await session.rows(answer("one"));
  await session.rows(`CREATE TRIGGER replayed ON QUEUE 'replayed' REDACT = ('card')
    EXECUTE EDGE FUNCTION replayed`);
  await session.rows(
    `SELECT edge.enqueue('replayed', '{"who": "ada", "pay": {"card": "4242"}}')`,
  );
  const [row] = await until(
    () =>
      session.rows(
        "SELECT execution_id FROM edge.captured_payloads WHERE trigger_name = 'replayed'",
      ),
    ({ length }) => length === 1,
  );
  await session.rows(answer("two"));
  const replay = (version = "") =>
    session.value(`EXECUTE EDGE FUNCTION replayed REPLAY '${row?.["execution_id"]}' ${version}`);
  const payload = { who: "ada", pay: { card: "[redacted]" } };
  assert.deepEqual(await replay(), { two: payload });
  assert.deepEqual(await replay("VERSION 1"), { one: payload });
  const unknown = "EXECUTE EDGE FUNCTION replayed REPLAY '0190a0b0-0000-7000-8000-000000000000'";
  const { code, position } = await session.failure(unknown);
  assert.deepEqual([code, position], ["42704", String(unknown.indexOf("0190") + 1)]);
  await session.rows("CREATE ROLE stranger");
  await session.rows("SET ROLE stranger");
  const denied = await session.failure(unknown);
  await session.rows("RESET ROLE");
  assert.equal(denied.code, "42501");
});
