/** The queue at its edges: odd messages, large rows, many senders, strangers, and events that run again. */
import assert from "node:assert/strict";
import pg from "pg";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE TABLE done (id bigint GENERATED ALWAYS AS IDENTITY, who text, what text);
    CREATE ROLE stranger`);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

/** A function that writes `value`, an expression, as text. */
const recorder = (name: string, value: string, parameters = "", before = "") =>
  `CREATE OR REPLACE EDGE FUNCTION ${name}${parameters} LANGUAGE javascript AS $$
    export async function main(payload) {
      ${before}
      const db = await connectToDatabase();
      await db.query("INSERT INTO done (who, what) VALUES ('${name}', $1)", [String(${value})]);
    }
  $$`;

const doneBy = (who: string) =>
  session.rows("SELECT what FROM done WHERE who = $1 ORDER BY id", [who]).then((rows) =>
    rows.map(({ what }) => what)
  );

function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  return eventually(holds, 60_000, what);
}

Deno.test("rows too large for one call together go in several, and hold up nobody else's", async () => {
  await session.rows(`CREATE TABLE fat (id int, t text); CREATE TABLE thin (id int);
    ${recorder("weigh", "payload.length")}; ${recorder("light", "payload.id")};
    ${recorder("whole", "(payload.new ?? payload.old).length")};
    CREATE TRIGGER whole_in AFTER INSERT ON fat FOR EACH STATEMENT EXECUTE EDGE FUNCTION whole;
    CREATE TRIGGER whole_up AFTER UPDATE ON fat FOR EACH STATEMENT EXECUTE EDGE FUNCTION whole;
    CREATE TRIGGER whole_out AFTER DELETE ON fat FOR EACH STATEMENT EXECUTE EDGE FUNCTION whole;
    CREATE TRIGGER weigh AFTER INSERT ON fat FOR EACH ROW BATCH_SIZE = 10000 EXECUTE EDGE FUNCTION weigh(NEW.*);
    CREATE TRIGGER light AFTER INSERT ON thin FOR EACH ROW EXECUTE EDGE FUNCTION light(NEW.*)`);
  await session.rows(
    "INSERT INTO fat SELECT n, repeat('x', 400000) FROM generate_series(1, 120) n",
  );
  await session.rows(
    "UPDATE fat SET id = -id WHERE id <= 60; DELETE FROM fat; INSERT INTO thin VALUES (1)",
  );
  const sum = async (who: string) =>
    (await doneBy(who)).reduce<number>((all, n) => all + Number(n), 0);
  await until(
    async () =>
      await sum("weigh") === 120 && await sum("whole") === 300 && await sum("light") === 1,
    "all are taken",
  );
  for (const who of ["weigh", "whole"]) {
    const sizes = (await doneBy(who)).map(Number);
    assert.ok(Math.max(...sizes) <= 12, `${who}: ${sizes}`);
  }
});

Deno.test("numbers keep their digits on the way through the queue", async () => {
  await session.rows(`CREATE TABLE ids (id bigint, n numeric);
    ${recorder("exact", "payload", "(id bigint)")};
    CREATE TRIGGER exact AFTER INSERT ON ids FOR EACH ROW EXECUTE EDGE FUNCTION exact(NEW.id);
    CREATE EDGE FUNCTION python LANGUAGE python AS $$
def handler(payload, sdk):
    sdk.db.query("INSERT INTO done (who, what) VALUES ('python', $1)", [str(payload["n"])])
$$;
    CREATE TRIGGER python ON QUEUE 'python' EXECUTE EDGE FUNCTION python;
    INSERT INTO ids VALUES (9007199254740993);
    SELECT edge.enqueue('python', '{"n": 9007199254740993}')`);
  const sent = await fetch(`${orla.http}/api/v1/queues/python/messages`, {
    method: "POST",
    headers: { apikey: orla.serviceKey },
    body: '{"payload": {"n": 9007199254740993}}',
  });
  assert.equal(sent.status, 202, await sent.text());
  await until(
    async () => (await doneBy("exact")).length + (await doneBy("python")).length === 3,
    "all are taken",
  );
  const long = "9007199254740993";
  assert.deepEqual([await doneBy("exact"), await doneBy("python")], [[long], [long, long]]);
});

Deno.test("messages that cannot be are refused, in SQL and over HTTP", async () => {
  await session.rows(`${recorder("odd", "JSON.stringify(payload)?.length")};
    CREATE TRIGGER odd ON QUEUE 'odd' EXECUTE EDGE FUNCTION odd`);
  const inSql: Readonly<Record<string, string>> = {
    [`'odd', '"\\u0000"'`]: "22P05",
    "'', '1'": "22023",
    "NULL, '1'": "22023",
    "'odd', '1', priority => 100000": "22023",
    "'odd', '1', delay => 'infinity'": "22023",
    "'odd', '1', key => repeat('x', 101)": "22023",
    "'odd', to_jsonb(repeat('x', 1048576))": "54000",
  };
  for (const [values, code] of Object.entries(inSql)) {
    assert.equal((await session.failure(`SELECT edge.enqueue(${values})`)).code, code, values);
  }
  const post = async (queue: string, body: string) => {
    const response = await fetch(`${orla.http}/api/v1/queues/${queue}/messages`, {
      method: "POST",
      headers: { apikey: orla.serviceKey },
      body,
    });
    await response.body?.cancel();
    return response.status;
  };
  const overHttp: ReadonlyArray<readonly [body: string, status: number]> = [
    ["garbage", 400],
    ['{"payload": "\\u0000"}', 400],
    ['{"payload": "\\ud800"}', 400],
    ['{"payload": 1, "priority": 1e9}', 400],
    ['{"payload": 1, "delay_ms": -5}', 400],
    ['{"payload": 1, "delay_ms": 1e300}', 400],
    ['{"payload": 1, "colour": 1}', 400],
    [JSON.stringify({ payload: "x".repeat(2 ** 20) }), 400],
    [JSON.stringify({ payload: "x".repeat(11 * 2 ** 20) }), 413],
    ["{}", 202],
  ];
  for (const [body, status] of overHttp) {
    assert.equal(await post("odd", body), status, body.slice(0, 60));
  }
  await session.rows(
    "SELECT edge.enqueue('odd', to_jsonb(repeat('x', 1048570)), delay => '-1 day')",
  );
  await session.rows("SELECT edge.enqueue('odd')");
  await until(async () => (await doneBy("odd")).length === 3, "what was accepted is taken");
  assert.deepEqual((await doneBy("odd")).sort(), ["1048572", "4", "4"]);
});

Deno.test("of a hundred senders with one unique key one is heard; priorities decide the order", async () => {
  await session.rows(
    `${
      recorder("keyed", "payload", "", "await new Promise((resolve) => setTimeout(resolve, 150));")
    };
    CREATE TRIGGER keyed ON QUEUE 'keyed' CONCURRENCY = 1 EXECUTE EDGE FUNCTION keyed; DISABLE TRIGGER keyed`,
  );
  const pool = new pg.Pool({ connectionString: orla.sqlUrl, max: 20 });
  try {
    await Promise.all(
      Array.from(
        { length: 100 },
        () =>
          pool.query(`SELECT edge.enqueue('keyed', '"only"', unique_key => 'u', priority => 5)`),
      ),
    );
  } finally {
    await pool.end();
  }
  for (const priority of [3, -7, 9, 0]) {
    await session.rows("SELECT edge.enqueue('keyed', to_jsonb($1::int), priority => $1)", [
      priority,
    ]);
  }
  await session.rows("ENABLE TRIGGER keyed");
  await until(async () => (await doneBy("keyed")).length === 5, "all are taken");
  // The first is whichever comes of those that are fetched at once; it puts the others back.
  const [first, ...rest] = await doneBy("keyed");
  const order = ["-7", "0", "3", "only", "9"];
  assert.deepEqual(rest, order.filter((what) => what !== first));
});

Deno.test("options change under waiting jobs; what a function was switched off for waits", async () => {
  await session.rows(`${recorder("live", "payload", "", "throw new Error('always');")};
    CREATE TRIGGER live ON QUEUE 'live' MAX_ATTEMPTS 100 RETRY_DELAY 20ms MAX_RETRY_DELAY 40ms
      EXECUTE EDGE FUNCTION live;
    SELECT edge.enqueue('live', '1'), edge.enqueue('live', '2')`);
  const letters = () =>
    session.value("SELECT count(*)::int FROM system.edge_dead_letters WHERE trigger_name = 'live'");
  await until(
    async () => Number(await session.value("SELECT max(attempts) FROM system.edge_jobs")) >= 3,
    "they are tried",
  );
  assert.equal(await letters(), 0);
  await session.rows("ALTER TRIGGER live SET MAX_ATTEMPTS = 3");
  await until(async () => await letters() === 2, "they are dead");
  await session.rows(`ALTER EDGE FUNCTION live SET ENABLED = false;
    ALTER TRIGGER live SET MAX_ATTEMPTS = 100`);
  assert.equal(await session.value("SELECT edge.replay(trigger_name => 'live')"), 2);
  await until(
    async () =>
      Number(
        await session.value(
          "SELECT count(*) FROM system.edge_jobs WHERE last_error LIKE '%switched off%'",
        ),
      ) ===
        2,
    "the reason is shown",
  );
  await session.rows(`${recorder("live", "payload")}; ALTER EDGE FUNCTION live SET ENABLED = true`);
  await until(async () => (await doneBy("live")).length === 2, "they are done");
  const wrong: Readonly<Record<string, string>> = {
    "edge.replay()": "22023",
    "edge.replay(1, 'live')": "22023",
    "edge.replay(123456)": "42704",
  };
  for (const [call, code] of Object.entries(wrong)) {
    assert.equal((await session.failure(`SELECT ${call}`)).code, code);
  }
});

Deno.test("strangers see numbers, not messages", async () => {
  await session.rows("SET ROLE stranger");
  try {
    assert.equal(
      await session.value("SELECT count(*) > 0 FROM system.edge_triggers WHERE waiting = 0"),
      true,
    );
    const closed = [
      "SELECT * FROM system.edge_jobs",
      "SELECT * FROM system.edge_dead_letters",
      "SELECT * FROM edge_queue.jobs",
      "SELECT * FROM edge_queue._private_jobs",
      "SELECT * FROM edge.captured_payloads",
      "SELECT * FROM edge.dead_letters",
      "SELECT * FROM edge.events",
      "SELECT edge.replay(1)",
      "SELECT edge.relay_events(1)",
      "SELECT edge.forget_dropped_triggers()",
      "SELECT edge_queue.add_job('queue/odd', '{}')",
      "SELECT edge.enqueue_as('odd', '1', '0', NULL, 0, NULL, 'postgres')",
      "SELECT edge.replay_execution_as('{}', '{}', 'postgres')",
    ];
    for (const statement of closed) {
      assert.equal((await session.failure(statement)).code, "42501", statement);
    }
    assert.equal(
      (await session.failure("SELECT edge.enqueue('no such queue', '1')")).code,
      "22023",
    );
    assert.equal((await session.failure("SELECT edge.enqueue('nobody', '1')")).code, "42704");
  } finally {
    await session.rows("RESET ROLE");
  }
  await session.rows("REVOKE EXECUTE ON FUNCTION odd FROM PUBLIC; SET ROLE stranger");
  const { code } = await session.failure("SELECT edge.enqueue('odd', '1')");
  await session.rows("RESET ROLE");
  assert.equal(code, "42501");
});

Deno.test("REPLAY of a failure and of a row's event; and what has no event to repeat", async () => {
  await session.rows(`CREATE TABLE replays (id bigint);
    CREATE EDGE FUNCTION again(id bigint) RETURNS text LANGUAGE javascript AS $$
      export const main = () => { throw new Error("not yet") } $$;
    CREATE TRIGGER again AFTER INSERT ON replays FOR EACH ROW MAX_ATTEMPTS 1 EXECUTE EDGE FUNCTION again(NEW.id);
    CREATE EDGE FUNCTION quiet LANGUAGE javascript AS $$ export const main = () => true $$;
    CREATE TRIGGER quiet ON QUEUE 'quiet' CAPTURE = false EXECUTE EDGE FUNCTION quiet;
    CREATE EDGE FUNCTION large LANGUAGE javascript AS $$ export const main = () => true $$;
    CREATE TRIGGER large ON QUEUE 'large' EXECUTE EDGE FUNCTION large;
    INSERT INTO replays VALUES (9007199254740993);
    SELECT edge.enqueue('quiet', '1'), edge.enqueue('large', to_jsonb(repeat('x', 70000)))`);
  const ids = new Map<string, unknown>();
  await until(async () => {
    const rows = await session.rows(
      `SELECT function_id, execution_id FROM system.edge_function_executions
       WHERE function_id IN ('again', 'quiet', 'large')`,
    );
    for (const { function_id, execution_id } of rows) ids.set(String(function_id), execution_id);
    return ids.size === 3 &&
      await session.value(
          "SELECT count(*) > 0 FROM edge.captured_payloads WHERE trigger_name = 'again'",
        ) === true;
  }, "all have run");
  await session.rows(
    `CREATE OR REPLACE EDGE FUNCTION again(id bigint) RETURNS text LANGUAGE javascript AS $$
    export const main = (id) => String(id) $$`,
  );
  const replay = (name: string, rest = "") =>
    `EXECUTE EDGE FUNCTION ${name} REPLAY '${ids.get(name)}' ${rest}`;
  assert.equal(JSON.stringify(await session.value(replay("again"))), '"9007199254740993"');
  assert.equal((await session.failure(replay("again", "VERSION 1"))).message, "not yet");
  assert.equal((await session.failure(replay("again", "VERSION 9"))).code, "42704");
  assert.equal((await session.failure(replay("quiet"))).code, "42704");
  assert.equal((await session.failure(replay("large"))).code, "42704");
  assert.equal((await session.failure("EXECUTE EDGE FUNCTION again REPLAY 'x'")).code, "22P02");
});
