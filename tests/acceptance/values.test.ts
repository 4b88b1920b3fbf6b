/** What a function sees of an SQL value, and what SQL sees of its result: nothing is lost on the way. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  // Each type has a function of its own, and each function a process.
  orla = await startOrlaProcess({ env: { ORLA_IDLE_TIMEOUT: "2s" } });
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE TYPE mood AS ENUM ('sad', 'so so', 'happy');
    CREATE DOMAIN percent AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);
    CREATE TYPE point3 AS (x int, y bigint, label text, tags text[], at timestamptz);
    CREATE TYPE segment AS (start point3, finish point3, mood mood);
    CREATE TABLE persons (id bigint, born date, photo bytea, data jsonb);
  `);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const digits = "123456789012345678901234567890.123456789012345678901234567890";
const point = `ROW(1, 9007199254740993, E'a "b" \\\\ é', ARRAY['x', NULL, 'y,z'], ` +
  `'2024-02-29 23:59:59.123456+02')::point3`;

/** Type, values in SQL, and what `describe` in the function makes of each. */
const types: readonly [type: string, ...values: [sql: string, seen: string][]][] = [
  ["text", ["'é😀 \"quoted\" \\\\ ''it''s'''", "string é😀 \"quoted\" \\\\ 'it's'"], [
    "''",
    "string ",
  ]],
  ["varchar(10)", ["'abc'", "string abc"]],
  ["char(4)", ["'ab'", "string ab  "]],
  ["smallint", ["-32768", "number -32768"], ["32767", "number 32767"]],
  ["integer", ["-2147483648", "number -2147483648"]],
  [
    "bigint",
    ["42", "number 42"],
    ["9007199254740991", "number 9007199254740991"],
    ["9007199254740993", "bigint 9007199254740993"],
    ["9223372036854775807", "bigint 9223372036854775807"],
    ["-9223372036854775808", "bigint -9223372036854775808"],
  ],
  [
    "numeric",
    ["1.5", "number 1.5"],
    ["0.1", "number 0.1"],
    [digits, `string ${digits}`],
    ["'NaN'", "string NaN"],
    ["'Infinity'", "string Infinity"],
    ["'-Infinity'", "string -Infinity"],
    ["1e-20", "string 0.00000000000000000001"],
  ],
  ["numeric(20, 4)", ["1234567890123456.7891", "string 1234567890123456.7891"]],
  ["real", ["0.1", "number 0.1"], ["'NaN'", "number NaN"], ["'-Infinity'", "number -Infinity"]],
  [
    "double precision",
    ["0.1", "number 0.1"],
    ["5e-324", "number 5e-324"],
    ["1.7976931348623157e308", "number 1.7976931348623157e+308"],

    ["'NaN'", "number NaN"],
    ["'Infinity'", "number Infinity"],
  ],
  ["real[]", ["'{NaN,1.5,-Infinity,NULL}'", "array [null,1.5,null,null]"]],
  ["boolean", ["true", "boolean true"], ["false", "boolean false"]],
  ["jsonb", [`'{"a": [1, null, "x"], "b": {}}'`, `object {"a":[1,null,"x"],"b":{}}`], [
    "'5'",
    "number 5",
  ]],
  ["json", [`'[1, 2]'`, "array [1,2]"], [`'"text"'`, "string text"]],
  ["date", ["'2024-02-29'", "string 2024-02-29"], ["'infinity'", "string infinity"]],
  ["time", ["'23:59:59.123456'", "string 23:59:59.123456"]],
  ["timestamp", ["'2024-02-29 23:59:59.123456'", "string 2024-02-29T23:59:59.123456"]],
  ["timestamptz", [
    "'2024-02-29 23:59:59.123456+02'",
    "string 2024-02-29T21:59:59.123456+00:00",
  ]],
  ["interval", ["'1 year 2 days 03:04:05.678901'", "string 1 year 2 days 03:04:05.678901"]],
  ["bytea", [String.raw`'\x00ff0a5c'`, "Uint8Array 0,255,10,92"], ["''", "Uint8Array "]],
  ["uuid", [
    "'01920000-0000-7000-8000-000000000001'",
    "string 01920000-0000-7000-8000-000000000001",
  ]],
  ["inet", ["'10.0.0.1/8'", "string 10.0.0.1/8"]],
  ["int4range", ["'[1,5)'", "string [1,5)"]],
  ["mood", ["'so so'", "string so so"]],
  ["percent", ["99.95", "number 99.95"]],
  [
    "int[]",
    ["'{1,NULL,3}'", "array [1,null,3]"],
    ["'{{1,2},{3,NULL}}'", "array [[1,2],[3,null]]"],
    [
      "'{}'",
      "array []",
    ],
  ],
  ["text[]", [`ARRAY['a', NULL, 'NULL', '{"']`, `array ["a",null,"NULL","{\\""]`]],
  ["bigint[]", ["'{1,9223372036854775807}'", "array [1,9223372036854775807n]"]],
  ["mood[]", ["'{sad,NULL}'", 'array ["sad",null]']],
  ["point3", [
    point,
    `object {"at":"2024-02-29T21:59:59.123456+00:00","label":"a \\"b\\" \\\\ é",` +
    `"tags":["x",null,"y,z"],"x":1,"y":9007199254740993n}`,
  ]],
  ["segment", [
    `ROW(${point}, NULL, 'sad')::segment`,
    `object {"finish":null,"mood":"sad","start":{"at":"2024-02-29T21:59:59.123456+00:00","label":"a \\"b\\" \\\\ é",` +
    `"tags":["x",null,"y,z"],"x":1,"y":9007199254740993n}}`,
  ]],
  ["point3[]", [
    `ARRAY[NULL, ROW(2, 3, NULL, '{}', NULL)::point3]`,
    `array [null,{"at":null,"label":null,"tags":[],"x":2,"y":3}]`,
  ]],
  ["persons", [
    String.raw`ROW(9007199254740993, '2000-01-01', '\xff', '{"k": 1}')::persons`,
    String
      .raw`object {"born":"2000-01-01","data":{"k":1},"id":9007199254740993n,"photo":"\\xff"}`,
  ]],
];

const DESCRIBE = `
  function describe(value) {
    if (value instanceof Uint8Array) return "Uint8Array " + value.join();
    if (value === null) return "null";
    if (typeof value === "object") {
      const text = JSON.stringify(value, (_, v) => typeof v === "bigint" ? v + "n" : sorted(v));
      return (Array.isArray(value) ? "array " : "object ") + text.replaceAll(/"(\\d+n)"/g, "$1");
    }
    return typeof value + " " + value;
  }
  // jsonb keeps no order of keys.
  function sorted(value) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
  }`;

for (const [n, [type, ...values]] of types.entries()) {
  Deno.test(`${type} comes to a function and back`, async () => {
    await session.rows(`
      CREATE EDGE FUNCTION seen_${n}(value ${type}) RETURNS text LANGUAGE javascript AS $$
        ${DESCRIBE}
        export const main = describe;
      $$;
      CREATE EDGE FUNCTION same_${n}(value ${type}) RETURNS ${type} LANGUAGE javascript AS $$
        export const main = (value) => value;
      $$`);
    for (const [sql, seen] of [...values, ["NULL", "null"] as const]) {
      const value = `(${sql})::${type}`;
      const [row] = await session.rows(`
        SET timezone = 'UTC';
        SELECT seen_${n}(${value}) AS seen, same_${n}(${value})::text AS back, ${value}::text AS sent,
          pg_typeof(same_${n}(${value})) = pg_typeof(${value}) AS is_type,
          same_${n}(${value}) IS NULL AS is_null`);
      const { back, sent, ...rest } = row ?? {};
      assert.deepEqual(rest, { seen, is_type: true, is_null: sql === "NULL" });
      assert.equal(back, sent, sql);
    }
  });
}

Deno.test("results that are no JSON value of their own", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION many(what text) RETURNS jsonb LANGUAGE javascript AS $$
      export const main = (what) => ({
        date: new Date(1e12), bytes: new Uint8Array([1, 255]), big: 9007199254740993n,
        nan: NaN, map: Object.fromEntries([["a", undefined], ["b", null]]), nothing: undefined,
      })[what];
    $$;
    CREATE EDGE FUNCTION stamp() RETURNS timestamptz LANGUAGE javascript AS $$
      export const main = () => new Date(1e12 + 123);
    $$;
    CREATE EDGE FUNCTION bytes(n int) RETURNS bytea LANGUAGE javascript AS $$
      export const main = (n) => new Uint8Array(n).map((_, i) => i % 256);
    $$;
    CREATE EDGE FUNCTION nothing(n int) RETURNS void LANGUAGE javascript AS $$
      export function main(n) { if (n > 1) return n; }
    $$`);
  const many = async (what: string) => await session.value(`SELECT many('${what}')::text`);
  assert.equal(await many("date"), '"2001-09-09T01:46:40.000Z"');
  assert.equal(await many("bytes"), String.raw`"\\x01ff"`);
  assert.equal(await many("big"), "9007199254740993");
  assert.equal(await many("nan"), null);
  assert.equal(await many("map"), '{"b": null}');
  assert.equal(await many("nothing"), null);
  assert.equal(await session.value("SELECT stamp() = '2001-09-09 01:46:40.123Z'"), true);
  assert.equal(await session.value("SELECT length(bytes(70000))"), 70_000);
  assert.equal(await session.value("SELECT bytes(3)::text"), String.raw`\x000102`);
  assert.equal(await session.value("SELECT pg_typeof(nothing(1))::text"), "void");
  // To declare void is to say that nobody wants the value.
  assert.equal(await session.value("SELECT nothing(2)"), "");
});

Deno.test("a result that does not fit its type says so, and the session goes on", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION as_int(value jsonb) RETURNS int LANGUAGE javascript AS $$
      export const main = (value) => value;
    $$;
    CREATE EDGE FUNCTION as_percent(value jsonb) RETURNS percent LANGUAGE javascript AS $$
      export const main = (value) => value;
    $$;
    CREATE EDGE FUNCTION circle() RETURNS jsonb LANGUAGE javascript AS $$
      export function main() { const a = {}; a.a = a; return a; }
    $$`);
  assert.equal((await session.failure(`SELECT as_int('"many"')`)).code, "22P02");
  assert.equal((await session.failure("SELECT as_int('3000000000')")).code, "22003");
  assert.equal((await session.failure("SELECT as_int('1.5')")).code, "22P02");
  assert.equal((await session.failure("SELECT as_percent('101')")).code, "23514");
  assert.match((await session.failure("SELECT circle()")).message, /circular/i);
  assert.equal(await session.value("SELECT as_int('7')"), 7);
});

Deno.test("a payload function takes and gives any JSON", async () => {
  await session.rows(`CREATE EDGE FUNCTION payload LANGUAGE javascript AS $$
    exports.handler = async (payload) => ({ got: payload, kind: typeof payload });
  $$`);
  for (const json of [`{"a": [1, 2.5, null, "é"]}`, "[]", `"text"`, "true", "12"]) {
    const [row] = await session.rows(
      "SELECT payload($1) = jsonb_build_object('got', $1::jsonb, " +
        "'kind', payload($1) ->> 'kind') AS same",
      [json],
    );
    assert.deepEqual(row, { same: true }, json);
  }
  assert.deepEqual(await session.value("SELECT payload()"), { got: null, kind: "object" });
});
