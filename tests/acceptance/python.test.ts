/** Python functions as their callers see them: through SQL and HTTP, on a real node. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { callFunction, callJson } from "./http-calls.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
let files: string;

Deno.test.beforeAll(async () => {
  files = await Deno.makeTempDir({ prefix: "orla-files-" });
  await Deno.chmod(files, 0o755);
  orla = await startOrlaProcess({
    env: {
      ORLA_IDLE_TIMEOUT: "5s",
      ORLA_FILES_DIR: files,
    },
  });
  session = await openSession(orla.sqlUrl);
});

Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
  await Deno.remove(files, { recursive: true });
});

/** Creates a function; `head` is what stands between its name and its code. */
async function create(name: string, head: string, code: string): Promise<void> {
  await session.rows(
    `CREATE OR REPLACE EDGE FUNCTION ${name}${head} LANGUAGE python AS $py$${code}$py$`,
  );
}

const seen: [type: string, sql: string, python: string][] = [
  ["smallint", "-32768", "-32768"],
  ["bigint", "9223372036854775807", "9223372036854775807"],
  ["numeric", "12345678901234567890.0123456789", "Decimal('12345678901234567890.0123456789')"],
  ["numeric(6,2)", "1.10", "Decimal('1.10')"],
  ["numeric", "'NaN'", "Decimal('NaN')"],
  ["real", "0.5", "0.5"],
  ["double precision", "'-Infinity'", "-inf"],
  ["boolean", "true", "True"],
  ["text", "'é😀'", "'é😀'"],
  ["bytea", "'\\x00ff'", "b'\\x00\\xff'"],
  ["uuid", "'0b7e1a52-0000-7000-8000-000000000000'", "'0b7e1a52-0000-7000-8000-000000000000'"],
  ["date", "'2026-02-28'", "'2026-02-28'"],
  ["timestamptz", "'2026-02-28 12:00+00'", "'2026-02-28T12:00:00+00:00'"],
  ["interval", "'1 day 2 seconds'", "'1 day 00:00:02'"],
  [
    "jsonb",
    `'{"a": [1, 2.5, null], "b": 123456789012345678901234567890}'`,
    "{'a': [1, 2.5, None], 'b': 123456789012345678901234567890}",
  ],
  ["int[]", "'{{1,2},{3,NULL}}'", "[[1, 2], [3, None]]"],
  ["text", "NULL", "None"],
];

Deno.test("what a function sees of an SQL value, and what SQL gets back of it", async () => {
  await session.rows("CREATE TYPE place AS (x numeric, label text, tags text[])");
  const types = [...new Set(seen.map(([type]) => type)), "place"];
  for (const [index, type] of types.entries()) {
    await create(
      `seen_${index}`,
      `(v ${type}) RETURNS text MAX_INSTANCES 1`,
      "def main(v): return repr(v)",
    );
    await create(
      `same_${index}`,
      `(v ${type}) RETURNS ${type} MAX_INSTANCES 1`,
      "def main(v): return v",
    );
  }
  for (const [type, sql, python] of seen) {
    const index = types.indexOf(type);
    assert.equal(
      await session.value(`SELECT seen_${index}((${sql})::${type})`),
      python,
      `${type} ${sql}`,
    );
    const same =
      `SELECT same_${index}(v)::text IS NOT DISTINCT FROM v::text FROM (SELECT (${sql})::${type}) AS t(v)`;
    assert.equal(await session.value(same), true, `${type} ${sql}`);
  }
  const place = `ROW(1.50, 'a "b"', ARRAY['x', NULL])::place`;
  const index = types.indexOf("place");
  assert.equal(await session.value(`SELECT same_${index}(${place}) = ${place}`), true);
  assert.equal(
    await session.value(`SELECT seen_${index}(${place})`),
    "{'x': 1.5, 'tags': ['x', None], 'label': 'a \"b\"'}",
  );
});

Deno.test("Python's own types become SQL's", async () => {
  const results: [type: string, python: string, sql: string][] = [
    ["numeric", "decimal.Decimal('1.10')", "1.10"],
    ["numeric[]", "(decimal.Decimal('NaN'), 1, float('inf'))", "{NaN,1,Infinity}"],
    [
      "timestamptz",
      "datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone.utc)",
      "2026-01-02 03:00:00+00",
    ],
    ["interval", "datetime.timedelta(days=1, seconds=90)", "24:01:30"],
    ["date", "datetime.date(2026, 1, 2)", "2026-01-02"],
    ["uuid", "uuid.UUID(int=1)", "00000000-0000-0000-0000-000000000001"],
    ["bytea", "b'\\x00\\xff'", "\\x00ff"],
    ["text[]", "{'only'}", "{only}"],
    [
      "jsonb",
      "{'n': float('nan'), 'd': datetime.date(2026, 1, 2)}",
      '{"d": "2026-01-02", "n": null}',
    ],
  ];
  await session.rows("SET timezone = 'UTC'");
  for (const [index, [type, python, sql]] of results.entries()) {
    await create(
      `own_${index}`,
      `() RETURNS ${type}`,
      `import datetime, decimal, uuid\ndef main(): return ${python}`,
    );
    assert.equal(await session.value(`SELECT own_${index}()::text`), sql, python);
  }
});

Deno.test("main by SQL, by HTTP in all its forms, and as a coroutine", async () => {
  for (const [name, style] of [["py_plain", "def"], ["py_async", "async def"]] as const) {
    await create(
      name,
      "(a int, b text) RETURNS jsonb",
      `${style} main(a, b): return {"a": a, "b": b}`,
    );
    assert.deepEqual(await session.value(`SELECT ${name}(b => 'x', a => 1)`), { a: 1, b: "x" });
    assert.deepEqual(await callJson(orla, name, 2, "y"), { a: 2, b: "y" });
    const query = await callFunction(orla, `${name}?a=3&b=z`);
    assert.deepEqual(await query.json(), { a: 3, b: "z" });
    const body = JSON.stringify({ b: "w" });
    const named = await callFunction(orla, name, { method: "POST", body });
    assert.deepEqual(await named.json(), { a: null, b: "w" });
  }
});

Deno.test("handlers of requests and of payloads", async () => {
  await create(
    "py_shop",
    "",
    `
def handler(request):
    if request.method == "GET":
        return {"status": 404, "body": {"error": "nothing called " + request.params["q"]}}
    return {"status": 201, "headers": {"x-kind": "made", "Set-Cookie": ["a=1", "b=2"]}, "body": request.json()}
`,
  );
  const missing = await callFunction(orla, "py_shop?q=it");
  assert.deepEqual([missing.status, await missing.json()], [404, { error: "nothing called it" }]);
  const made = await callFunction(orla, "py_shop", { method: "POST", body: '{"n": 1}' });
  assert.deepEqual([made.status, made.headers.get("x-kind")], [201, "made"]);
  assert.deepEqual(made.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.deepEqual(await made.json(), { n: 1 });
  assert.deepEqual(await session.value(`SELECT py_shop('{"n": 2}')`), { n: 2 });
  await create(
    "py_sdk",
    ' ENV \'{"REGION": "eu"}\'',
    "def handler(event, sdk): return [event, sdk.env['REGION'], sdk.projectId]",
  );
  assert.deepEqual(await session.value(`SELECT py_sdk('{"n": 2}')`), [{ n: 2 }, "eu", "default"]);
});

Deno.test("generators stream: what was yielded arrives before the next is made", async () => {
  for (
    const [name, style, wait] of [["py_ticks", "def", "time.sleep(0.01)"], [
      "py_async_ticks",
      "async def",
      "await asyncio.sleep(0.01)",
    ]]
  ) {
    await create(
      name ?? "",
      " MAX_INSTANCES 1 AUTH 'none'",
      `
import asyncio, time
go = False
${style} events():
    yield "data: 1\\n\\n"
    while not go: ${wait}
    yield "data: 2\\n\\n"
${style} handler(request):
    global go
    if request.method == "PUT":
        go = True
        return {"status": 202}
    return {"status": 200, "headers": {"content-type": "text/event-stream"}, "body": events()}
`,
    );
    const response = await callFunction(orla, name ?? "");
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await reader.read()).value, "data: 1\n\n");
    const go = await callFunction(orla, name ?? "", { method: "PUT" });
    await go.body?.cancel();
    assert.equal((await reader.read()).value, "data: 2\n\n");
    assert.equal((await reader.read()).done, true);
  }
  await create("py_rows", "(n int)", "def main(n):\n    for i in range(n): yield {'i': i}");
  assert.deepEqual(await session.value("SELECT py_rows(2)"), [{ i: 0 }, { i: 1 }]);
  const lines = await callFunction(orla, "py_rows?n=2");
  assert.equal(lines.headers.get("content-type"), "application/x-ndjson");
  assert.equal(await lines.text(), '{"i":0}\n{"i":1}\n');
});

Deno.test("large bodies come and go", async () => {
  await create("py_large", "", "def main(data): return data * 2");
  const text = "é".repeat(1_000_000);
  const response = await callFunction(orla, "py_large", {
    method: "POST",
    body: JSON.stringify(text),
  });
  assert.equal((await response.json()).length, 2_000_000);
  assert.equal(
    await session.value(`SELECT length(py_large(to_jsonb(repeat('x', 1000000))) #>> '{}')`),
    2_000_000,
  );
});

Deno.test("an exception fails the statement with the author's stack, and rolls back", async () => {
  await create(
    "py_fails",
    "(n int) RETURNS int",
    `
class OutOfStock(Exception):
    pass

def check(n):
    if n > 3: raise OutOfStock(f"only 3 left, not {n}")

async def main(n):
    check(n)
    return n
`,
  );
  await session.rows("CREATE TABLE py_orders (n int)");
  const error = await session.failure(
    "INSERT INTO py_orders SELECT py_fails(n) FROM generate_series(1, 4) AS n",
  );
  assert.deepEqual([error.code, error.message], ["38000", "OutOfStock: only 3 left, not 4"]);
  assert.match(
    error.detail ?? "",
    /^Traceback[^]*File "py_fails\.py", line 9, in main\n[^]*line 6, in check\n/,
  );
  assert.doesNotMatch(error.detail ?? "", /sandbox|_orla|\/usr|\/root/);
  assert.equal(await session.value("SELECT count(*)::int FROM py_orders"), 0);
  const response = await callFunction(orla, "py_fails?n=9");
  assert.equal(response.status, 500);
  assert.deepEqual(await response.json(), {
    error: "OutOfStock: only 3 left, not 9",
    code: "function_error",
  });
  const headers = { "content-type": "application/json" };
  const bad = await callFunction(orla, "py_fails", { method: "POST", body: "{", headers });
  assert.deepEqual([bad.status, (await bad.json()).code], [400, "invalid_request"]);
});

Deno.test("what is printed and logged is in the log, with its level and its execution", async () => {
  await create(
    "py_talks",
    "(n int) RETURNS int",
    `
import logging, sys
log = logging.getLogger(__name__)
def main(n):
    print("called with", n)
    log.warning("that is %s", "a lot")
    print("oh no", file=sys.stderr)
    return n
`,
  );
  assert.equal(await session.value("SELECT py_talks(10)"), 10);
  const query = `SELECT l.level, l.message, e.status FROM system.edge_function_logs l
    JOIN system.edge_function_executions e USING (execution_id)
    WHERE l.function_id = 'py_talks' ORDER BY l.timestamp`;
  let rows = await session.rows(query);
  while (rows.length < 3) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    rows = await session.rows(query);
  }
  assert.deepEqual(rows.map(({ level, message, status }) => [level, message, status]), [
    ["info", "called with 10", "succeeded"],
    ["warn", "that is a lot", "succeeded"],
    ["error", "oh no", "succeeded"],
  ]);
});

Deno.test("calls wait side by side in one instance", async () => {
  // Each waits for all the others: alone, or in turns, none would ever end.
  await create(
    "py_together",
    "(n int) RETURNS int MAX_INSTANCES 1",
    "import threading\nbarrier = threading.Barrier(30)\ndef main(n):\n    barrier.wait(20)\n    return n",
  );
  await create(
    "py_gather",
    "(n int) RETURNS int MAX_INSTANCES 1 CONCURRENCY 1000",
    `
import asyncio
waiting = []
async def main(n):
    mine = asyncio.get_running_loop().create_future()
    waiting.append(mine)
    if len(waiting) == 300:
        for each in waiting: each.set_result(None)
    await mine
    return n
`,
  );
  for (const [name, count] of [["py_together", 30], ["py_gather", 300]] as const) {
    const numbers = Array.from({ length: count }, (_, n) => n);
    const results = await Promise.all(numbers.map((n) => callJson(orla, name, n)));
    assert.deepEqual(results, numbers);
  }
});

Deno.test("time-outs end coroutines, plain functions and endless loops", async () => {
  const endless = {
    coroutine: "import asyncio\nasync def main(): await asyncio.sleep(60)",
    plain: "import time\ndef main():\n    while not sdk.is_cancelled(): time.sleep(0.01)",
    loop: "def main():\n    while True: pass",
  };
  for (const [kind, code] of Object.entries(endless)) {
    await create(`py_endless_${kind}`, "() TIMEOUT 300ms", code);
    const error = await session.failure(`SELECT py_endless_${kind}()`);
    assert.deepEqual([error.code, error.message], ["57014", "Execution timeout (0.3s)"]);
  }
});

Deno.test("memory: an exception that says so, and the next call is well", async () => {
  await create(
    "py_hungry",
    "(mb int) RETURNS int MEMORY 64MB",
    "def main(mb): return len(bytearray(mb << 20)) >> 20",
  );
  assert.equal(await session.value("SELECT py_hungry(8)"), 8);
  const error = await session.failure("SELECT py_hungry(500)");
  assert.deepEqual([error.code, error.message], ["53200", "Memory limit exceeded (64MB)"]);
  assert.equal(await session.value("SELECT py_hungry(8)"), 8);
});

for (const [style, wait, withIt] of [["def", "", "with"], ["async def", "await ", "async with"]]) {
  const tag = style === "def" ? "sync" : "async";

  Deno.test(`the database from inside, with the caller's rights: ${style}`, async () => {
    const table = `py_people_${tag}`;
    await session.rows(
      `CREATE TABLE ${table} (id bigint GENERATED ALWAYS AS IDENTITY, name text UNIQUE, price numeric, data jsonb, at timestamptz, raw bytea)`,
    );
    await create(
      `py_db_${tag}`,
      "(name text) RETURNS jsonb",
      `
from decimal import Decimal
from datetime import datetime, timezone
${style} main(name):
    row = ${wait}sdk.db.insert("${table}", {
        "name": name, "price": Decimal("12345678901234567890.10"), "data": {"tags": ["a", 1.5]},
        "at": datetime(2026, 1, 2, tzinfo=timezone.utc), "raw": b"\\x00\\xff"})
    assert row["price"] == Decimal("12345678901234567890.10") and row["raw"] == b"\\x00\\xff", row
    changed = ${wait}sdk.db.update("${table}", {"price": 2}, {"id": row["id"]})
    db = ${wait}connectToDatabase()
    again = (${wait}db.query("SELECT name, price, data FROM ${table} WHERE id = ?", [row["id"]])).rows[0]
    third = ${wait}db.query_one("SELECT %(n)s::text AS n", {"n": name})
    db.release()
    return [changed, again["name"], str(again["price"]), again["data"], third["n"]]
`,
    );
    assert.deepEqual(await session.value(`SELECT py_db_${tag}('Ann')`), [1, "Ann", "2", {
      tags: ["a", 1.5],
    }, "Ann"]);
    const twice = await session.failure(`SELECT py_db_${tag}('Ann')`);
    assert.match(twice.message, /^DatabaseError: duplicate key/);
    await create(
      `py_tx_${tag}`,
      "(fail boolean) RETURNS bigint",
      `
${style} main(fail):
    ${withIt} sdk.db.transaction() as tx:
        ${wait}tx.query("INSERT INTO ${table} (name) VALUES ('in transaction')")
        if fail: raise ValueError("no")
    return (${wait}sdk.db.query_one("SELECT count(*) AS n FROM ${table}"))["n"]
`,
    );
    assert.match((await session.failure(`SELECT py_tx_${tag}(true)`)).message, /ValueError: no/);
    assert.equal(await session.value(`SELECT count(*)::int FROM ${table}`), 1);
    assert.equal(await session.value(`SELECT py_tx_${tag}(false)`), "2");
    // A stranger may call, and may not read.
    await create(
      `py_read_${tag}`,
      "() RETURNS jsonb",
      `${style} main(): return ${wait}sdk.db.select("${table}")`,
    );
    await session.rows(`CREATE ROLE py_stranger_${tag}; SET ROLE py_stranger_${tag}`);
    assert.match(
      (await session.failure(`SELECT py_read_${tag}()`)).message,
      /permission denied for table/,
    );
    await session.rows("RESET ROLE");
    assert.equal((await session.value(`SELECT py_read_${tag}()`) as unknown[]).length, 2);
    await create(
      `py_big_${tag}`,
      "() RETURNS int",
      `${style} main():
    total = 0
    rows = sdk.db.stream("SELECT n FROM generate_series(1, 100000) AS n")
    ${style === "def" ? "for" : "async for"} row in rows: total += row["n"] % 2
    return total
`,
    );
    assert.equal(await session.value(`SELECT py_big_${tag}()`), 50_000);
  });
}

Deno.test("kv is shared with functions in JavaScript", async () => {
  await create(
    "py_kv",
    "(value jsonb) RETURNS jsonb",
    `
def main(value):
    kv.set("shared", value)
    return [kv.get("shared"), kv.increment("visits"), kv.compare_and_set("shared", "wrong", 1), kv.get("absent", "none")]
`,
  );
  await session.rows(`CREATE EDGE FUNCTION js_kv() RETURNS jsonb LANGUAGE javascript AS $$
    export const main = async () => await kv.get("shared");
  $$`);
  assert.deepEqual(await session.value(`SELECT py_kv('{"a": [1, 2.5]}')`), [
    { a: [1, 2.5] },
    1,
    false,
    "none",
  ]);
  assert.deepEqual(await session.value("SELECT js_kv()"), { a: [1, 2.5] });
});

Deno.test("a pickled model and a module that lie beside the code", async () => {
  await Deno.writeTextFile(
    join(files, "scoring.py"),
    `
class Model:
    def __init__(self, weights): self.weights = weights
    def predict(self, rows): return [sum(w * x for w, x in zip(self.weights, row)) for row in rows]
`,
  );
  const pickle = new Deno.Command("python3", {
    args: [
      "-c",
      "import pickle, scoring; pickle.dump(scoring.Model([0.5, 2]), open('model.pkl', 'wb'))",
    ],
    cwd: files,
  }).outputSync();
  assert(pickle.success);
  await create(
    "py_score",
    "(features jsonb) RETURNS jsonb FILES ('model.pkl', 'scoring.py')",
    `
import pickle
model = pickle.load(open("model.pkl", "rb"))
def main(features):
    return {"score": float(model.predict([features])[0])}
`,
  );
  assert.deepEqual(await session.value("SELECT py_score('[2, 3]')"), { score: 7 });
});

Deno.test("mistakes are found at CREATE, with their place", async () => {
  const error = await session.failure(
    "CREATE EDGE FUNCTION py_broken LANGUAGE python AS $$\ndef main(x):\n    return x +\n$$",
  );
  assert.equal(error.code, "42601");
  assert.match(error.message, /SyntaxError in function py_broken, line 3/);
});

Deno.test("a new version takes over, and the old one's calls end well", async () => {
  await create(
    "py_version",
    "() RETURNS text",
    "import time\ndef main():\n    time.sleep(0.3)\n    return 'old'",
  );
  const old = callJson(orla, "py_version");
  await session.value("SELECT 1");
  await new Promise((resolve) => setTimeout(resolve, 100));
  await session.rows("ALTER EDGE FUNCTION py_version SET CODE = $$def main(): return 'new'$$");
  assert.equal(await callJson(orla, "py_version"), "new");
  assert.equal(await old, "old");
});
