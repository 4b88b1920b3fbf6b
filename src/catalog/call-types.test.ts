import assert from "node:assert/strict";
import { CREATE, createRequest, startTestServer } from "./test-database.ts";
import { startTestNode } from "./test-node.ts";

Deno.test("values of every kind go to a function and back", async () => {
  await using server = await startTestServer();
  await using db = await server.createDatabase();
  const session = await db.connect();
  // Not parsed, so that no digit is lost.
  await using _node = await startTestNode(db, (_header, input) => ({
    state: "ok",
    body: input.slice(1, -1),
  }));
  await session.query(`
      CREATE TYPE mood AS ENUM ('sad', 'so so');
      CREATE TYPE point3 AS (x int, "the y" numeric, tags text[]);
      CREATE DOMAIN posint AS int CHECK (VALUE > 0);
      CREATE DOMAIN points AS point3[]`);
  const values: [type: string, literals: string[]][] = [
    ["boolean", ["true", "false"]],
    ["smallint", ["-32768"]],
    ["int", ["2147483647"]],
    ["bigint", ["9223372036854775807"]],
    ["real", ["1.5", "'NaN'", "'-Infinity'"]],
    ["double precision", ["0.1", "1e300"]],
    ["numeric", ["123456789012345678901234567890.123456789", "1e-20", "'NaN'"]],
    ["text", ["''", "'it''s \"q\" \\ \t \n ü 😀'", "'null'", "'5'", "'{\"a\":1}'"]],
    ["varchar", ["'x'"]],
    ["char", ["'x'"]],
    ["name", ["'n'"]],
    ["bytea", ["'\\x00ff10'", "''"]],
    ["uuid", ["'0190a0b0-0000-7000-8000-000000000000'"]],
    ["date", ["'2026-02-28'", "'infinity'"]],
    ["time", ["'23:59:59.999999'"]],
    ["timestamp", ["'2026-02-28 12:00:00.123456'"]],
    ["timestamptz", ["'2026-02-28 12:00:00.123456+05'"]],
    ["interval", ["'1 year 2 days 03:04:05.6'"]],
    ["inet", ["'10.0.0.1/8'"]],
    ["json", ["'{\"a\": [1, null]}'"]],
    ["jsonb", ["'{\"a\": [1, null]}'", "'\"s\"'"]],
    ["xml", ["'<a/>'"]],
    ["int4range", ["'[1,5)'", "'empty'"]],
    ["int4multirange", ["'{[1,5),[7,9)}'"]],
    ["point", ["'(1.5,2)'"]],
    ["mood", ["'so so'"]],
    ["posint", ["7"]],
    ["int[]", ["'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'"]],
    ["text[]", ['\'{a,"b c","NULL",NULL}\'']],
    ["point3", [`ROW(1, 2.50, '{a,b}')::point3`, "ROW(NULL, NULL, NULL)::point3"]],
    ["points", [`ARRAY[ROW(1, 2.50, '{a,b}')::point3, NULL]`]],
  ];
  for (const [index, [type, literals]] of values.entries()) {
    await session.query(CREATE, [
      createRequest({ name: `f${index}`, parameters: `a ${type}`, returns: type }),
    ]);
    for (const literal of [...literals, "NULL"]) {
      // ::text compares json, xml and point too, and tells NULL from a row of NULLs.
      const [row] = await session.query(
        `SELECT f${index}((${literal})::${type})::text AS back, ((${literal})::${type})::text AS sent`,
      );
      assert.equal(row?.["back"], row?.["sent"], `${type} ${literal}`);
    }
  }
});
