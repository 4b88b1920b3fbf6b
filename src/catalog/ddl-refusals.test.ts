import assert from "node:assert/strict";
import {
  CREATE,
  createRequest,
  inventory,
  type Refusal,
  refusal,
  startTestServer,
} from "./test-database.ts";

Deno.test("CREATE refuses, and leaves nothing behind", async (t) => {
  await using server = await startTestServer();
  await using db = await server.createDatabase();
  const session = await db.connect();
  const refused: Record<
    string,
    [fields: Parameters<typeof createRequest>[0], Partial<Refusal>]
  > = {
    "an unknown parameter type": [{ parameters: "a nope" }, {
      code: "42704",
      message: 'type "nope" does not exist',
      dataType: "orla:20",
    }],
    "an unknown result type": [{ returns: "missing.thing" }, {
      code: "3F000",
      dataType: "orla:40",
    }],
    "a type that hides a statement": [
      { parameters: "a text) RETURNS int AS $$;DROP TABLE x;$$--" },
      {
        code: "42601",
        dataType: "orla:20",
      },
    ],
    "a pseudo-type": [{ parameters: "a anyelement" }, {
      code: "42P13",
      message: "edge functions cannot take the pseudo-type anyelement",
    }],
    "a trigger function": [{ returns: "trigger" }, { code: "42P13" }],
    "a set": [{ returns: "SETOF text" }, { code: "42601", dataType: "orla:40" }],
    "a schema that does not exist": [{ schema: "nowhere" }, {
      code: "3F000",
      message: 'schema "nowhere" does not exist',
      hint: "CREATE SCHEMA nowhere makes the namespace.",
      dataType: "orla:10",
    }],
    "our own schema": [{ schema: "edge" }, { code: "42939" }],
    "the namespace called default, as a schema": [{ schema: "default" }, {
      code: "42939",
      hint: 'The namespace "default" is the schema public.',
    }],
    "a schema of Postgres": [{ schema: "pg_catalog" }, { code: "42939" }],
    "a slash in the name": [{ name: "a/b" }, { code: "42602" }],
    "two parameters of one name": [{ parameters: "a int, a int" }, { code: "42P13" }],
    "an option out of range": [{ options: { memoryMb: 0 } }, { code: "23514" }],
    "an unknown option": [{ options: { turbo: true } }, {
      code: "22023",
      message: "unknown option turbo",
    }],
    "an unknown language": [{ language: "cobol" }, { code: "23514" }],
  };
  for (const [name, [fields, expected]] of Object.entries(refused)) {
    await t.step(name, async () => {
      const found = await refusal(session.query(CREATE, [createRequest(fields)]));
      assert.deepEqual({ ...found, ...expected }, found);
      assert.deepEqual(await inventory(db), []);
    });
  }
});
