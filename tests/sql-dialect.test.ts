/** The dialect's scanner reads SQL as the real Postgres does. */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import pg from "pg";
import { scanToken, skipGap } from "../src/sql/lexer.ts";
import { stringValue } from "../src/sql/literal.ts";
import { parseStatements } from "../src/sql/parse.ts";
import { splitStatements } from "../src/sql/split.ts";
import { startTestPostgres } from "./postgres.ts";

async function withClient(test: (client: pg.Client) => Promise<void>): Promise<void> {
  await using postgres = await startTestPostgres();
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    await client.query("SET backslash_quote = on; SET escape_string_warning = off");
    await test(client);
  } finally {
    await client.end();
  }
}

const inner = fc.array(
  fc.constantFrom(
    ..."a ; -- /* */ \\ \\' \\n \\x41 \\101 \\u00e9 '' \" $ $$ $t$ ( ) é 😀".split(" "),
    " ",
    "\n",
  ),
  { maxLength: 6 },
).map((parts) => parts.join(""));

/** Literals that may or may not be well-formed; Postgres decides. */
const literal = fc.oneof(
  fc.tuple(
    fc.constantFrom("", "E", "e", "N", "U&"),
    inner,
    inner,
    fc.constantFrom("\n", " -- c\n ", "\n--d\n", " "),
  )
    .map(([prefix, first, second, gap]) =>
      second === "" ? `${prefix}'${first}'` : `${prefix}'${first}'${gap}'${second}'`
    ),
  fc.tuple(fc.constantFrom("$$", "$t$", "$é_1$"), inner).map(([tag, text]) =>
    `${tag}${text}${tag}`
  ),
);

const trivia = fc.constantFrom("", " ", "\n", "-- ; '\n", "/* ; /* ' */ ; */", "/**/", "\t\r\n\f");

const statement = fc.oneof(
  fc.tuple(trivia, literal, trivia).map(([a, b, c]) => `${a}SELECT ${b} AS v${c}`),
  trivia,
  fc.constant("SELECT 1+--;\n2 AS v"),
  fc.constant('SELECT 1 AS "a;""b"'),
  fc.constant("SELECT a$b$ FROM (SELECT 1) AS t(a$b$)"),
);

Deno.test("query strings fall into the statements that Postgres runs", async () => {
  await withClient(async (client) => {
    let agreed = 0;
    for (const standard of [true, false]) {
      await client.query(`SET standard_conforming_strings = ${standard ? "on" : "off"}`);
      await fc.assert(
        fc.asyncProperty(fc.array(statement, { maxLength: 5 }), async (statements) => {
          const text = statements.join(";");
          const answer = await client.query(text).then((results) => [results].flat(), () => null);
          if (answer === null) return;
          const ran = answer.filter((result) => result.command !== null);
          equal(
            splitStatements(text, { standardConformingStrings: standard }).length,
            ran.length,
          );
          agreed++;
        }),
        { numRuns: 500 },
      );
    }
    ok(agreed > 100, `only ${agreed} of the texts were valid SQL`);
  });
});

Deno.test("string literals have the values that Postgres gives them", async () => {
  await withClient(async (client) => {
    let agreed = 0;
    for (const standard of [true, false]) {
      await client.query(`SET standard_conforming_strings = ${standard ? "on" : "off"}`);
      await fc.assert(
        // N'…' is of type char, which loses trailing spaces on its way to text.
        fc.asyncProperty(literal.filter((text) => text[0] !== "N"), async (literal) => {
          const options = { standardConformingStrings: standard };
          const rows = await client.query(`SELECT CAST(${literal}\n AS text) AS v`).then(
            (result) => Array.isArray(result) ? null : result.rows,
            () => null,
          );
          if (rows?.length !== 1) return;
          const token = scanToken(literal, 0, options);
          // A literal may end before a comment that the generator did not mean.
          equal(skipGap(literal, token.end).end, literal.length);
          equal(stringValue(literal, token, standard).value, rows[0].v);
          agreed++;
        }),
        { numRuns: 1000 },
      );
    }
    ok(agreed > 500, `only ${agreed} of the literals were valid SQL`);
  });
});

Deno.test("parameter lists have the names and types that Postgres reads in them", async () => {
  await withClient(async (client) => {
    const lists = [
      "int",
      "a int, text",
      "double precision, double double precision",
      '"time" time, at timestamp(3) without time zone[], timestamp with time zone',
      "n numeric(10,2), m numeric (5, -2)",
      "c character varying(20), national character varying(5), bit varying, b bit(3)",
      "i interval year to month, interval second(2), interval(3), interval",
      "a int array, b int ARRAY[4], c int[3][], text[]",
      'x pg_catalog."int4", "Odd; Name" "text"',
      "IN a int, b IN int, IN text",
      "e pg_class.relname%TYPE",
    ];
    for (const [index, list] of lists.entries()) {
      const name = `f${index}`;
      await client.query(`CREATE FUNCTION ${name}(${list}) RETURNS int LANGUAGE sql AS 'SELECT 1'`);
      const { rows } = await client.query(
        "SELECT proargnames AS names, ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) t) AS types FROM pg_proc WHERE proname = $1",
        [name],
      );
      const [parsed] = parseStatements(`CREATE EDGE FUNCTION ${name}(${list}) AS ''`);
      ok(parsed?.kind === "edge" && parsed.statement.kind === "create_function");
      const parameters = parsed.statement.parameters ?? [];
      const names = parameters.map((parameter) => parameter.name ?? "");
      deepEqual(names, rows[0].names ?? names.map(() => ""), list);
      // What we took for each type alone is, to Postgres, the type it saw in the list.
      for (const [at, { type }] of parameters.entries()) {
        const single = `${name}_${at}`;
        await client.query(
          `CREATE FUNCTION ${single}(${type}) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
        );
        const { rows: [row] } = await client.query(
          "SELECT format_type(proargtypes[0], NULL) AS type, pronargs FROM pg_proc WHERE proname = $1",
          [single],
        );
        deepEqual(row, { type: rows[0].types[at], pronargs: 1 }, type);
      }
    }
  });
});
