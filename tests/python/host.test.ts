import assert from "node:assert/strict";
import { FrameType } from "../../src/protocol/frame.ts";
import { type InstanceInput, PythonInstance } from "./python-instance.ts";

interface Asked {
  readonly op: string;
  readonly input: Record<string, unknown>;
  readonly callId: number;
}

/** An instance whose host calls are recorded and answered by operation. */
async function withHost(
  code: string,
  answers: Readonly<Record<string, unknown>> = {},
  more: Partial<InstanceInput> = {},
): Promise<{ instance: PythonInstance; asked: Asked[] }> {
  const asked: Asked[] = [];
  const instance = await PythonInstance.start({
    code,
    host: (op, input, callId) => {
      asked.push({ op, input, callId });
      if (!(op in answers)) {
        return { error: { name: "HostError", message: `no ${op}`, code: "not_supported" } };
      }
      const value = answers[op];
      return value === undefined ? undefined : { value };
    },
    ...more,
  });
  return { instance, asked };
}

const field = (name: string, type: string) => ({ name, type, typeId: 1 });
const people = {
  command: "SELECT",
  rowCount: 2,
  fields: [
    field("id", "bigint"),
    field("name", "text"),
    field("price", "numeric"),
    field("raw", "bytea"),
  ],
  rows: [[1, "Ann", 1.5, "\\x00"], [2, "Bob", "NaN", null]],
};

const both: [style: string, wait: string, withStatement: string, forStatement: string][] = [
  ["def", "", "with", "for"],
  ["async def", "await ", "async with", "async for"],
];

for (const [style, wait, withIt, forEach] of both) {
  Deno.test(`queries, rows and parameters: ${style}`, async () => {
    const { instance, asked } = await withHost(
      `
import datetime, decimal, enum, uuid
class Color(enum.Enum):
    RED = "red"
${style} main():
    rows = ${wait}sdk.db.query("SELECT $1", [
        1, 2**60, 1.5, float("nan"), True, None, "x", b"\\x01", decimal.Decimal("1.10"), uuid.UUID(int=0),
        datetime.date(2026, 1, 2), datetime.timedelta(seconds=1.5), Color.RED,
        [1, decimal.Decimal("2.50"), float("inf")], {"a": decimal.Decimal("1.10")}, (b"x",),
    ])
    first = ${wait}sdk.db.query_one("SELECT %(a)s", {"a": 1})
    assert repr(rows[0]) == "{'id': 1, 'name': 'Ann', 'price': Decimal('1.5'), 'raw': b'\\\\x00'}", rows[0]
    assert first == rows[0] and repr(rows[1]["price"]) == "Decimal('NaN')"
    return [len(rows), rows.row_count, rows.rowCount, rows.rows[1]["name"], rows.command, rows.fields[0]["name"]]
`,
      { "db.query": people },
    );
    await using _ = instance;
    assert.deepEqual(await instance.payload(null), [2, 2, 2, "Bob", "SELECT", "id"]);
    assert.deepEqual(asked[0], {
      op: "db.query",
      callId: 1,
      input: {
        sql: "SELECT $1",
        params: [
          1,
          "1152921504606846976",
          1.5,
          "nan",
          true,
          null,
          "x",
          "\\x01",
          "1.10",
          "00000000-0000-0000-0000-000000000000",
          "2026-01-02",
          "PT1.500000S",
          "red",
          { json: '[1,2.50,"Infinity"]' },
          { json: '{"a":1.10}' },
          { json: '["\\\\x78"]' },
        ],
      },
    });
    assert.deepEqual(asked[1]?.input, { sql: "SELECT %(a)s", params: { a: 1 } });
  });

  Deno.test(`insert, select, update, remove: ${style}`, async () => {
    const { instance, asked } = await withHost(
      `
${style} main():
    one = ${wait}sdk.db.insert("people", {"name": "Ann"})
    many = ${wait}sdk.db.insert("people", [{"name": "Ann"}, {"name": "Bob"}])
    found = ${wait}sdk.db.select("people", {"id": [1, 2]})
    some = ${wait}sdk.db.select("people", "id > ?", [1])
    changed = ${wait}sdk.db.update("people", {"tags": ["a"]}, {"id": 1})
    gone = ${wait}sdk.db.remove("people", "id = %s", [1])
    return [one["name"], len(many), len(found), len(some), changed, gone]
`,
      { "db.insert": people, "db.select": people, "db.update": people, "db.remove": people },
    );
    await using _ = instance;
    assert.deepEqual(await instance.payload(null), ["Ann", 2, 2, 2, 2, 2]);
    assert.deepEqual(asked.map(({ op, input }) => [op, input]), [
      ["db.insert", { table: "people", rows: [{ name: "Ann" }] }],
      ["db.insert", { table: "people", rows: [{ name: "Ann" }, { name: "Bob" }] }],
      ["db.select", { table: "people", where: { id: { json: "[1,2]" } } }],
      ["db.select", { table: "people", where: "id > ?", params: [1] }],
      ["db.update", { table: "people", set: { tags: { json: '["a"]' } }, where: { id: 1 } }],
      ["db.remove", { table: "people", where: "id = %s", params: [1] }],
    ]);
  });

  Deno.test(`transactions commit, and roll back on an exception: ${style}`, async () => {
    const { instance, asked } = await withHost(
      `
${style} main(fail):
    ${withIt} sdk.db.transaction(isolation="serializable", read_only=True) as tx:
        ${wait}tx.query("SELECT 1")
        if fail: raise ValueError("no")
    return "committed"
`,
      { "db.begin": { session: 5 }, "db.query": people, "db.commit": null, "db.rollback": null },
    );
    await using _ = instance;
    assert.equal(await instance.payload(false), "committed");
    await assert.rejects(instance.payload(true), { message: "ValueError: no" });
    const begin = { isolation: "serializable", readOnly: true };
    assert.deepEqual(asked.map(({ op, input }) => [op, input]), [
      ["db.begin", begin],
      ["db.query", { session: 5, sql: "SELECT 1" }],
      ["db.commit", { session: 5 }],
      ["db.begin", begin],
      ["db.query", { session: 5, sql: "SELECT 1" }],
      ["db.rollback", { session: 5 }],
    ]);
  });

  Deno.test(`connections of one's own: ${style}`, async () => {
    const { instance, asked } = await withHost(
      `
${style} main():
    db = ${wait}connectToDatabase()
    rows = ${wait}db.query("SELECT * FROM users WHERE id = ?", [1])
    ${withIt} db.transaction() as tx:
        ${wait}tx.query("SELECT 2")
    db.release()
    ${withIt} connect_to_database(role="service") as own:
        ${wait}own.query("SELECT 3")
    other = ${wait}get_db_connection({"role": "service"})
    return rows.rows[0]["name"]
`,
      {
        "db.open": { session: 9 },
        "db.begin": { session: 9 },
        "db.query": people,
        "db.commit": null,
        "db.close": null,
      },
    );
    await using _ = instance;
    assert.equal(await instance.payload(null), "Ann");
    assert.deepEqual(asked.map(({ op, input }) => [op, input]), [
      ["db.open", {}],
      ["db.query", { session: 9, sql: "SELECT * FROM users WHERE id = ?", params: [1] }],
      ["db.begin", { session: 9 }],
      ["db.query", { session: 9, sql: "SELECT 2" }],
      ["db.commit", { session: 9 }],
      ["db.close", { session: 9 }],
      ["db.open", { as: "service" }],
      ["db.query", { session: 9, sql: "SELECT 3" }],
      ["db.close", { session: 9 }],
      ["db.open", { as: "service" }],
    ]);
  });

  Deno.test(`large results are read page by page: ${style}`, async () => {
    let page = 0;
    const asked: string[] = [];
    await using instance = await PythonInstance.start({
      code: `
${style} main(limit):
    names = []
    rows = sdk.db.stream("SELECT * FROM big", [1])
    ${forEach} row in rows:
        names.append(row["n"])
        if len(names) == limit: break
    return names
`,
      host: (op) => {
        asked.push(op);
        if (op === "db.cursor.open") {
          page = 0;
          return { value: { cursor: 3, fields: [field("n", "numeric")] } };
        }
        if (op === "db.cursor.read") {
          return { value: { rows: [[++page], [page + 0.5]], done: page === 3 } };
        }
        return { value: null };
      },
    });
    assert.deepEqual(await instance.payload(0), [1, 1.5, 2, 2.5, 3, 3.5]);
    assert.deepEqual(asked.splice(0), [
      "db.cursor.open",
      "db.cursor.read",
      "db.cursor.read",
      "db.cursor.read",
    ]);
    assert.deepEqual(await instance.payload(1), [1]);
    if (style === "def") {
      // A generator that is left behind in a coroutine is closed by the loop, some time later.
      assert.deepEqual(asked, ["db.cursor.open", "db.cursor.read", "db.cursor.close"]);
    }
  });

  Deno.test(`errors carry what Postgres said: ${style}`, async () => {
    await using instance = await PythonInstance.start({
      code: `
${style} main(caught):
    try:
        ${wait}sdk.db.query("SELECT")
    except DatabaseError as error:
        if not caught: raise
        return [str(error), error.code, error.constraint, error.detail, error.hint]
`,
      host: () => ({
        error: {
          name: "DatabaseError",
          message: "duplicate",
          code: "23505",
          constraint: "people_pkey",
        },
      }),
    });
    assert.deepEqual(await instance.payload(true), [
      "duplicate",
      "23505",
      "people_pkey",
      null,
      null,
    ]);
    await assert.rejects(instance.payload(false), { message: "DatabaseError: duplicate" });
  });

  Deno.test(`kv: ${style}`, async () => {
    const { instance, asked } = await withHost(
      `
${style} main():
    ${wait}kv.set("a", {"n": [1.5]}, ttl=30)
    found = ${wait}kv.get("a")
    gone = ${wait}sdk.kv.delete("a")
    n = ${wait}kv.increment("n")
    m = ${wait}kv.increment("n", by=5, ttl=1)
    fresh = ${wait}kv.compare_and_set("c", None, 1)
    again = ${wait}kv.compareAndSet("c", 1, 2)
    page = ${wait}kv.list("a", limit=10)
    return [found, gone, n, m, fresh, again, page]
`,
      {
        "kv.set": null,
        "kv.get": { value: { n: [1.5] } },
        "kv.delete": true,
        "kv.increment": 6,
        "kv.compareAndSet": true,
        "kv.list": { keys: ["a"], next: null },
      },
    );
    await using _ = instance;
    const page = { keys: ["a"], next: null };
    assert.deepEqual(await instance.payload(null), [{ n: [1.5] }, true, 6, 6, true, true, page]);
    assert.deepEqual(asked.map(({ op, input }) => [op, input]), [
      ["kv.set", { key: "a", value: { n: [1.5] }, ttl: 30 }],
      ["kv.get", { key: "a" }],
      ["kv.delete", { key: "a" }],
      ["kv.increment", { key: "n", by: 1 }],
      ["kv.increment", { key: "n", by: 5, ttl: 1 }],
      ["kv.compareAndSet", { key: "c", value: 1 }],
      ["kv.compareAndSet", { key: "c", expected: 1, value: 2 }],
      ["kv.list", { prefix: "a", limit: 10 }],
    ]);
  });

  Deno.test(`a cancelled call waits for no answer: ${style}`, async () => {
    const { instance } = await withHost(
      `
ends = []
${style} main(what):
    if what == "ask": return ends
    try:
        ${wait}kv.get("never")
    except BaseException as error:
        ends.append(type(error).__name__)
        raise
`,
      { "kv.get": undefined },
    );
    await using _ = instance;
    const id = instance.nextId();
    const head = { kind: "payload", shape: "payload" };
    instance.begin(id, head, new TextEncoder().encode('"wait"'), true).catch(() => {});
    await instance.frame(FrameType.hostCall, id);
    instance.outbox.bytes(FrameType.cancel, 0, id);
    await instance.frame(FrameType.done, id);
    assert.deepEqual(await instance.payload("ask"), [
      style === "def" ? "CallCancelled" : "CancelledError",
    ]);
  });

  Deno.test(`questions and answers larger than a frame: ${style}`, async () => {
    const { instance, asked } = await withHost(
      `
${style} main(n):
    ${wait}kv.set("a", "é" * n)
    found = ${wait}kv.get("a")
    return len(found)
`,
      { "kv.set": null, "kv.get": { value: "ü".repeat(400_000) } },
    );
    await using _ = instance;
    assert.equal(await instance.payload(300_000), 400_000);
    assert.equal(asked[0]?.input["value"], "é".repeat(300_000));
    await assert.rejects(instance.payload(20_000_000), {
      message: /^HostError: kv\.set was given more/,
    });
  });
}

Deno.test("many questions of one call at once", async () => {
  await using instance = await PythonInstance.start({
    code: `
import asyncio
async def main(n):
    return await asyncio.gather(*(kv.increment(f"k{i}") for i in range(n)))
`,
    host: (_op, input: { key: string }) => ({ value: Number(input.key.slice(1)) * 2 }),
  });
  assert.deepEqual(await instance.payload(200), Array.from({ length: 200 }, (_, i) => i * 2));
});

Deno.test("the same methods work in threads and loops of the function's own", async () => {
  const { instance } = await withHost(
    `
import asyncio, threading
async def inner(): return await kv.increment("a")
def main():
    results = [asyncio.run(inner())]
    thread = threading.Thread(target=lambda: results.append(kv.increment("b")))
    thread.start()
    thread.join()
    return results
`,
    { "kv.increment": 7 },
  );
  await using _ = instance;
  assert.deepEqual(await instance.payload(null), [7, 7]);
});

Deno.test("code may ask while it is imported", async () => {
  const { instance, asked } = await withHost("limit = kv.get('limit')\ndef main(): return limit", {
    "kv.get": { value: 12 },
  });
  await using _ = instance;
  assert.equal(await instance.payload(null), 12);
  assert.equal(asked[0]?.callId, 0);
});

Deno.test("a forgotten await is named", async () => {
  const { instance } = await withHost(
    `
async def main(what):
    rows = sdk.db.query("SELECT 1")
    if what == 0: return rows[0]
    if what == 1: return rows.rows
    if what == 2: return [r for r in rows]
    if what == 3: return connect_to_database().query("SELECT 1")
`,
    { "db.query": people, "db.open": { session: 1 } },
  );
  await using _ = instance;
  for (const what of [0, 1, 2]) {
    await assert.rejects(instance.payload(what), {
      message: /^TypeError: in a coroutine, write `await`/,
    });
  }
  await assert.rejects(instance.payload(3), { message: /`await connect_to_database\(\)`/ });
});

Deno.test("metrics are recorded, secrets are refused", async () => {
  const { instance, asked } = await withHost(
    `
def main(what):
    if what: return secrets.get("key")
    record_metric("items", 3)
    recordMetric("items", 4.5)
`,
    { metric: null },
  );
  await using _ = instance;
  await instance.payload(false);
  assert.deepEqual(asked.map(({ input }) => input), [{ name: "items", value: 3 }, {
    name: "items",
    value: 4.5,
  }]);
  await assert.rejects(instance.payload(true), { message: /secrets\.get is not available/ });
});

Deno.test("wrong parameters are refused where they are given", async () => {
  const { instance } = await withHost(
    `
def main(what):
    if what == 0: sdk.db.query("SELECT ?", 5)
    if what == 1: sdk.db.query("SELECT ?", [object()])
    if what == 2: sdk.db.insert("t", [[1]])
    if what == 3: connect_to_database(role="root")
    if what == 4: sdk.db.transaction().query("SELECT 1")
`,
  );
  await using _ = instance;
  const messages = [
    /^TypeError: parameters are/,
    /^TypeError: a value of type object/,
    /^TypeError: a row is/,
    /^ValueError: a role/,
    /^HostError: a transaction is used with/,
  ];
  for (const [what, message] of messages.entries()) {
    await assert.rejects(instance.payload(what), { message });
  }
});
