/** Values on their way out are as Postgres' own `to_jsonb` renders them; on their way in they arrive. */
import assert from "node:assert/strict";
import { startTestServer } from "../../catalog/test-database.ts";
import { startTestAccess } from "./test-access.ts";

/** Expressions whose JSON must be the same text as `to_jsonb` of them. */
const expressions = [
  "NULL::int",
  "true",
  "false",
  "1::smallint",
  "'-2147483648'::int",
  "9223372036854775807::bigint",
  "1.10::numeric",
  "12345678901234567890.123456789::numeric",
  "'NaN'::numeric",
  "'Infinity'::numeric",
  "0.1::float8",
  "1e300::float8",
  "1e-7::float8",
  "'-Infinity'::float8",
  "'NaN'::float4",
  "1.5::float4",
  "''::text",
  `'a"b\\c' || chr(10) || 'é😀'`,
  "'x'::char(3)",
  "'n'::name",
  "'c'::\"char\"",
  "'\\x00ff'::bytea",
  "'3f2504e0-4f89-11d3-9a0c-0305e82c3301'::uuid",
  "'2020-02-29'::date",
  "'0044-03-15 BC'::date",
  "'infinity'::date",
  "'2020-02-29 12:34:56.789'::timestamp",
  "'2020-02-29 12:34:56'::timestamp",
  "'infinity'::timestamp",
  "'2020-02-29 12:34:56.789+05:30'::timestamptz",
  "'0044-03-15 12:00:00+00 BC'::timestamptz",
  "'12:34:56.7'::time",
  "'12:34:56+02'::timetz",
  "'1 year 2 days 03:04:05'::interval",
  `'{"a": [1, 2.50, null, "x"]}'::jsonb`,
  `' [1 , {"b":2} ] '::json`,
  "'null'::jsonb",
  "'{}'::int[]",
  "'{1,NULL,3}'::int[]",
  "'{{1,2},{3,4}}'::bigint[]",
  "'[0:1]={5,6}'::int[]",
  `ARRAY['', 'a,b', 'c"d', 'e\\f', 'NULL', 'null', '{}', ' x ', NULL]::text[]`,
  "ARRAY[true, false, NULL]",
  `ARRAY['{"a":"}"}'::jsonb, 'null']`,
  "ARRAY['\\xff'::bytea]",
  "ARRAY['2020-01-01 00:00:00+00'::timestamptz]",
  "ARRAY['(1,2)'::point]",
  "ARRAY['((0,0),(1,1))'::box]",
  "'192.168.0.1/24'::inet",
  "'[1,5)'::int4range",
  "'1.2.3.4'::cidr",
  "42::oid",
  "'pg_type'::regclass",
  "12.34::money",
  "B'101'",
  "'a'::tsvector",
  "'<a/>'::xml",
  "'blue'::colour",
  "ARRAY['blue', 'dark red']::colour[]",
  "7::positive",
  "ARRAY[1,2]::positive[]",
  `ROW(1, 'a "b" \\c, (d)', NULL, ARRAY[1,2], '{"x":1}')::thing`,
  "ROW(NULL, '', NULL, NULL, NULL)::thing",
  `ARRAY[ROW(1,'x',NULL,'{}','[]')::thing]`,
  `ROW(ROW(1,'in"ner',2,NULL,NULL)::thing, 'o')::outer_thing`,
  "'{1,2}'::int_list",
];

Deno.test("values", async (t) => {
  await using server = await startTestServer();
  await using db = await server.createDatabase();
  const root = await db.connect();
  await root.query(`
    SET timezone = 'UTC';
    CREATE TYPE colour AS ENUM ('blue', 'dark red');
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE DOMAIN int_list AS int[];
    CREATE TYPE thing AS (a int, b text, c numeric, d int[], e jsonb);
    CREATE TYPE outer_thing AS (t thing, "Ünd" text);
    CREATE TABLE items (id bigint PRIMARY KEY, t text, js jsonb, j json, list int[], texts text[],
      nested int[][], b bytea, at timestamptz, n numeric, f float8, flag boolean, u uuid, c colour);
    GRANT ALL ON items TO orla_anon;`);
  await using access = startTestAccess(db);
  using invocation = access.invoke();
  const { query } = invocation;

  for (const expression of expressions) {
    await t.step(expression, async () => {
      const expected = await root.value(`SELECT to_jsonb(${expression})::text`);
      // Compared as parsed by Postgres: member order and spaces of json are no matter.
      const { rows } = await query(`SELECT ${expression}, 1`);
      const [shown] = rows[0] ?? [];
      // Numbers beyond a double are compared below, as text.
      assert.deepEqual(shown, JSON.parse(String(expected ?? "null")));
    });
  }

  await t.step("numbers keep all their digits", async () => {
    const operation = access.access.operations["db.query"];
    const text = await operation?.(
      {
        sql:
          "SELECT 9007199254740993::bigint, 0.10000000000000000001, '{\"x\":12345678901234567890}'::jsonb, 1.10",
      },
      {
        version: { functionId: "1", options: {} } as never,
        instanceId: "i",
        invocation: { executionId: "e", caller: { role: null, service: false } },
        signal: new AbortController().signal,
      },
    );
    assert.match(
      String(text),
      /"rows":\[\[9007199254740993,0\.10000000000000000001,\{"x": 12345678901234567890\},1\.10\]\]/,
    );
  });

  await t.step("fields have names and types as format_type prints them", async () => {
    const { fields } = await query(
      "SELECT 1 AS a, 'x'::varchar(5) AS b, now() AS now, NULL::thing[] AS \"T\", 1.5::numeric(4,2) AS n",
    );
    assert.deepEqual(fields.map(({ name, type }) => `${name} ${type}`), [
      "a integer",
      "b character varying",
      "now timestamp with time zone",
      "T thing[]",
      "n numeric",
    ]);
  });

  await t.step("parameters become what their place wants", async () => {
    const json = (value: unknown) => ({
      json: typeof value === "string" ? value : JSON.stringify(value),
    });
    const { rowCount } = await query(
      `INSERT INTO items VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)`,
      [
        "9007199254740993",
        `a'b"c`,
        json([1, { a: "é" }]),
        json('{"big":12345678901234567890}'),
        json([1, null, 3]),
        json(["x", 'y"\\z', null, "NULL", ""]),
        json([[1, 2], [3, 4]]),
        "\\x00ff",
        "2020-01-02T03:04:05.678Z",
        "12345678901234567890.5",
        1e-7,
        true,
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "dark red",
      ],
    );
    assert.equal(rowCount, 1);
    const row = await root.value("SELECT to_jsonb(items)::text FROM items");
    assert.deepEqual(
      String(row).replace(/, "at": "[^"]*"/, ""),
      await root.value(`SELECT (jsonb_build_object('id', 9007199254740993, 't', $$a'b"c$$,
        'js', '[1,{"a":"é"}]'::jsonb, 'j', '{"big":12345678901234567890}'::jsonb, 'list', '[1,null,3]'::jsonb,
        'texts', jsonb_build_array('x', $$y"\\z$$, null, 'NULL', ''), 'nested', '[[1,2],[3,4]]'::jsonb,
        'b', '\\x00ff'::bytea, 'n', 12345678901234567890.5, 'f', 1e-7::float8, 'flag', true,
        'u', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'c', 'dark red'))::text`),
    );
    assert.equal(
      await root.value("SELECT at = '2020-01-02 03:04:05.678+00' FROM items"),
      true,
    );
    assert.equal(
      await invocation.value("SELECT count(*)::int FROM items WHERE id = ANY ($1)", [
        json(["9007199254740993"]),
      ]),
      1,
    );
    assert.equal(
      await invocation.value("SELECT $1::bigint[]", [json("[9007199254740993]")]).then(String),
      "9007199254740992",
    );
    assert.deepEqual(await invocation.value("SELECT $1::int_list", [json([4, 5])]), [4, 5]);
    assert.deepEqual(await invocation.value("SELECT $1::text", [json([1, 2])]), "[1,2]");
  });
});
