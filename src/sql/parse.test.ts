import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import type { CreateFunction, EdgeStatement } from "./ast.ts";
import { parseStatements } from "./parse.ts";

function parseOne(text: string): EdgeStatement {
  const statements = parseStatements(text);
  equal(statements.length, 1);
  const [first] = statements;
  ok(first?.kind === "edge", `not an edge statement: ${text}`);
  return first.statement;
}

function parseCreate(text: string): CreateFunction {
  const statement = parseOne(text);
  ok(statement.kind === "create_function");
  return statement;
}

Deno.test("CREATE EDGE FUNCTION in full", () => {
  const text = `create or replace EDGE function Shop.price(item JSONB, "Qty" int)
    RETURNS numeric(10, 2)
    LANGUAGE JavaScript -- the only one
    MEMORY 256MB TIMEOUT = 5000,
    AUTH = none
    AS $code$
function main(item) { return "$$" }
$code$`;
  const statement = parseCreate(text);
  equal(statement.orReplace, true);
  deepEqual([statement.name.schema, statement.name.name], ["shop", "price"]);
  deepEqual(statement.parameters?.map(({ name, type }) => [name, type]), [
    ["item", "JSONB"],
    ["Qty", "int"],
  ]);
  equal(statement.returns?.type, "numeric(10, 2)");
  equal(statement.language?.name, "javascript");
  deepEqual(statement.options.map(({ name, value }) => [name, value]), [
    ["MEMORY", { kind: "number", text: "256", unit: "MB" }],
    ["TIMEOUT", { kind: "number", text: "5000", unit: null }],
    ["AUTH", { kind: "word", value: "none" }],
  ]);
  equal(statement.code?.text, '\nfunction main(item) { return "$$" }\n');
  equal(statement.code?.verbatim, true);
  equal(
    text.slice(statement.code?.span.start, statement.code?.span.end),
    statement.code?.text,
  );
  equal(text.slice(statement.name.span.start, statement.name.span.end), "Shop.price");
  deepEqual(statement.span, { start: 0, end: text.length });
});

Deno.test("clauses come in any order, AS first too", () => {
  const statement = parseCreate("CREATE EDGE FUNCTION f AS 'x' MEMORY 1GB LANGUAGE 'TypeScript'");
  equal(statement.parameters, null);
  equal(statement.returns, null);
  equal(statement.language?.name, "typescript");
  equal(statement.options.length, 1);
  equal(statement.code?.text, "x");
});

Deno.test("code in every kind of string", () => {
  const cases: ReadonlyArray<readonly [string, string, boolean]> = [
    ["$$a'b$$", "a'b", true],
    ["$$$$", "", true],
    ["'a''b'", "a'b", false],
    ["'a\\b'", "a\\b", true],
    ["'a'\n 'b'", "ab", false],
    ["E'a\\n\\'\\x41\\101\\u00e9\\U0001F600\\q'", "a\n'AAé😀q", false],
    ["U&'d\\0061t\\+000061\\\\'", "data\\", false],
    ["N'x'", "x", true],
  ];
  for (const [literal, text, verbatim] of cases) {
    const { code } = parseCreate(`CREATE EDGE FUNCTION f AS ${literal}`);
    deepEqual([code?.text, code?.verbatim], [text, verbatim], literal);
  }
});

Deno.test("parameter and result types as rich as Postgres's", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<readonly [string | null, string]>]> = [
    ["", []],
    ["text", [[null, "text"]]],
    ["text[]", [[null, "text[]"]]],
    ["a int[3][]", [["a", "int[3][]"]]],
    ["a int array, b int ARRAY[4]", [["a", "int array"], ["b", "int ARRAY[4]"]]],
    ["double precision", [[null, "double precision"]]],
    ["double double precision", [["double", "double precision"]]],
    ["numeric(10,2), b numeric (5)", [[null, "numeric(10,2)"], ["b", "numeric (5)"]]],
    ["timestamp with time zone", [[null, "timestamp with time zone"]]],
    ["at timestamp(3) without time zone[]", [["at", "timestamp(3) without time zone[]"]]],
    ["time time", [["time", "time"]]],
    ["character varying(20)", [[null, "character varying(20)"]]],
    ["c national character varying(20)", [["c", "national character varying(20)"]]],
    ["interval year to month, interval second(2)", [
      [null, "interval year to month"],
      [null, "interval second(2)"],
    ]],
    ['a schema."Weird Type"', [["a", 'schema."Weird Type"']]],
    ['"A" "B"', [["A", '"B"']]],
    ["IN a int, b IN int, IN text", [["a", "int"], ["b", "int"], [null, "text"]]],
    ["user jsonb, order jsonb, select text", [
      ["user", "jsonb"],
      ["order", "jsonb"],
      ["select", "text"],
    ]],
    ["e users.email%TYPE", [["e", "users.email%TYPE"]]],
    ["g geometry(Point, 4326)", [["g", "geometry(Point, 4326)"]]],
  ];
  for (const [list, expected] of cases) {
    const { parameters } = parseCreate(`CREATE EDGE FUNCTION f(${list}) AS ''`);
    deepEqual(parameters?.map(({ name, type }) => [name, type]), expected, list);
    if (expected.length === 1) {
      const type = expected[0]?.[1] ?? "";
      equal(parseCreate(`CREATE EDGE FUNCTION f RETURNS ${type} AS ''`).returns?.type, type);
    }
  }
});

Deno.test("option values", () => {
  const cases: ReadonlyArray<readonly [string, unknown]> = [
    ["256MB", { kind: "number", text: "256", unit: "MB" }],
    ["256 mb", { kind: "number", text: "256", unit: "mb" }],
    ["= 0.5GB", { kind: "number", text: "0.5", unit: "GB" }],
    ["1_000", { kind: "number", text: "1000", unit: null }],
    ["-5", { kind: "number", text: "-5", unit: null }],
    ["50%", { kind: "number", text: "50", unit: "%" }],
    ["'a' 'b'", null],
    ["'30s'", { kind: "string", value: "30s" }],
    ["$j${}$j$", { kind: "string", value: "{}" }],
    ["TRUE", { kind: "boolean", value: true }],
    ["off", { kind: "word", value: "off" }],
    ["KEY", { kind: "word", value: "key" }],
    ['"Key"', { kind: "word", value: "Key" }],
    ["('a', b, 10.5MB)", { kind: "list", items: ["a", "b", "10.5MB"] }],
    ["()", { kind: "list", items: [] }],
  ];
  for (const [text, value] of cases) {
    if (value === null) {
      throws(() => parseOne(`CREATE EDGE FUNCTION f X ${text}`), OrlaError);
      continue;
    }
    deepEqual(parseCreate(`CREATE EDGE FUNCTION f X ${text}`).options[0]?.value, value, text);
    const after = parseCreate(`CREATE EDGE FUNCTION f X ${text} MEMORY 1 AS ''`);
    deepEqual(after.options.map((option) => option.name), ["X", "MEMORY"], text);
  }
});

Deno.test("ALTER EDGE FUNCTION", () => {
  const statement = parseOne(
    "ALTER EDGE FUNCTION f SET memory = 1024MB\nCPU_LIMIT = 200, SET CODE = $$x$$ AUTH none",
  );
  ok(statement.kind === "alter_function");
  deepEqual(statement.options.map((option) => option.name), ["MEMORY", "CPU_LIMIT", "AUTH"]);
  equal(statement.code?.text, "x");
});

Deno.test("the other statements", () => {
  const drop = parseOne('drop edge function if exists a, s."B" cascade');
  ok(drop.kind === "drop_function");
  deepEqual([drop.ifExists, drop.behavior], [true, "cascade"]);
  deepEqual(drop.names.map((name) => [name.schema, name.name]), [[null, "a"], ["s", "B"]]);

  const list = parseOne("LIST EDGE FUNCTIONS WHERE name LIKE 'a;%' ORDER BY (1) -- end");
  ok(list.kind === "list");
  equal(list.where?.text, "name LIKE 'a;%' ORDER BY (1)");

  const execute = parseOne("EXECUTE EDGE FUNCTION s.f($1, (2), ')' -- )\n) ");
  ok(execute.kind === "execute_function");
  equal(execute.arguments.text, "$1, (2), ')' -- )\n");

  const rollback = parseOne("ROLLBACK EDGE FUNCTION f TO VERSION 3");
  ok(rollback.kind === "rollback_function");
  equal(rollback.version, 3);

  const warm = parseOne("WARM EDGE FUNCTION s.f IN REGIONS ('us-west', E'it''s')");
  ok(warm.kind === "warm_function");
  deepEqual(warm.regions?.map(({ text }) => text), ["us-west", "it's"]);
  const everywhere = parseOne("warm edge function f");
  ok(everywhere.kind === "warm_function");
  equal(everywhere.regions, null);
});

Deno.test("a query string with both kinds keeps the plain ones as they are", () => {
  const text = "BEGIN; /* first */ DROP EDGE FUNCTION f;\n ALTER TABLE t ADD edge int ; COMMIT;";
  deepEqual(
    parseStatements(text).map(({ kind, span }) => [kind, text.slice(span.start, span.end)]),
    [
      ["plain", "BEGIN"],
      ["edge", " /* first */ DROP EDGE FUNCTION f"],
      ["plain", "\n ALTER TABLE t ADD edge int "],
      ["plain", " COMMIT"],
    ],
  );
});

const plain = [
  "SELECT 'CREATE EDGE FUNCTION f'",
  "SELECT edge FROM edge",
  "CREATE TABLE edge (edge int)",
  "CREATE FUNCTION edge() RETURNS int LANGUAGE sql AS 'SELECT 1'",
  "-- CREATE EDGE FUNCTION f\nSELECT 1",
  "EXECUTE edge",
  "EXECUTE edge(1)",
  'CREATE "edge" FUNCTION f',
  "DROP TABLE edge",
  "ALTER TABLE edge RENAME TO edges",
  "GRANT SELECT ON edge TO bob",
  "GRANT EXECUTE ON FUNCTION edge TO bob",
  "CREATE TRIGGER t BEFORE INSERT ON edge FOR EACH ROW EXECUTE FUNCTION edge('EXECUTE EDGE FUNCTION')",
  "CREATE TRIGGER t AFTER INSERT ON x EXECUTE PROCEDURE edge.f()",
  "DROP TRIGGER t ON edge",
  "DROP TRIGGER IF EXISTS t ON edge CASCADE",
  "ALTER TRIGGER t ON edge RENAME TO set",
  "ALTER TABLE edge ENABLE TRIGGER t",
  "DO $$ BEGIN EXECUTE 'EXECUTE EDGE FUNCTION f()'; END $$",
  "ROLLBACK",
  "ROLLBACK TO edge",
  "PREPARE edge AS SELECT 1",
  "COPY edge FROM stdin",
  "SELECT edge 'unterminated",
  "create edge$ function",
  "SELECT 1 → 2 AS edge",
];

for (const text of plain) {
  Deno.test(`plain: ${text}`, () => {
    deepEqual(parseStatements(text), [{ kind: "plain", span: { start: 0, end: text.length } }]);
  });
}

/** `¶` marks the position the error must point at. */
const errors: ReadonlyArray<readonly [string, string, string, hint?: string]> = [
  [
    "CREATE EDGE FUNCTION f() ¶LANGAUGE javascript AS ''",
    "syntax_error",
    'expected RETURNS, LANGUAGE or AS, found "LANGAUGE"',
    "Did you mean LANGUAGE?",
  ],
  [
    "CREATE EDGE FUNCTION f RETURNS int ¶LANGAUGE js",
    "syntax_error",
    'expected LANGUAGE or AS, found "LANGAUGE"',
    "Did you mean LANGUAGE?",
  ],
  [
    "CREATE EDGE ¶FUNCTOIN f()",
    "syntax_error",
    'expected FUNCTION or CHAIN, found "FUNCTOIN"',
    "Did you mean FUNCTION?",
  ],
  ["CREATE EDGE¶", "syntax_error", "expected FUNCTION or CHAIN, found the end of the statement"],
  [
    "CREATE EDGE FUNCTION ¶(a int)",
    "syntax_error",
    'expected a function name, found "("',
  ],
  ["CREATE EDGE FUNCTION a.b¶.c", "syntax_error", "a name has at most two parts, schema.name"],
  ['CREATE EDGE FUNCTION ¶""', "syntax_error", "zero-length delimited identifier"],
  [
    `CREATE EDGE FUNCTION ¶${"é".repeat(32)} AS ''`,
    "syntax_error",
    `name is too long: "${"é".repeat(32)}…"`,
    "Names have at most 63 bytes.",
  ],
  [
    "CREATE EDGE FUNCTION ¶IF NOT EXISTS f",
    "not_supported",
    "IF NOT EXISTS is not supported for edge functions",
    "Use CREATE OR REPLACE EDGE FUNCTION.",
  ],
  ["CREATE EDGE FUNCTION f(a int ¶b int)", "syntax_error", 'expected "," or ")", found "b"'],
  [
    "CREATE EDGE FUNCTION f MEMORY 1,¶",
    "syntax_error",
    "expected RETURNS, LANGUAGE, AS or an option, found the end of the statement",
  ],
  ["CREATE EDGE FUNCTION f(a int, ¶)", "syntax_error", 'expected a parameter, found ")"'],
  ["CREATE EDGE FUNCTION f(a int, ¶a text)", "syntax_error", 'parameter "a" is declared twice'],
  ["CREATE EDGE FUNCTION f(¶OUT a int)", "not_supported", "OUT parameters are not supported"],
  ["CREATE EDGE FUNCTION f(a ¶INOUT int)", "not_supported", "INOUT parameters are not supported"],
  ["CREATE EDGE FUNCTION f(¶IN OUT a int)", "not_supported", "IN OUT parameters are not supported"],
  [
    "CREATE EDGE FUNCTION f(¶VARIADIC a int[])",
    "not_supported",
    "VARIADIC parameters are not supported",
  ],
  [
    "CREATE EDGE FUNCTION f(a int ¶DEFAULT 1)",
    "not_supported",
    "parameters cannot have default values yet",
  ],
  [
    "CREATE EDGE FUNCTION f(int ¶= 1)",
    "not_supported",
    "parameters cannot have default values yet",
  ],
  ["CREATE EDGE FUNCTION f(a numeric(1¶;2))", "syntax_error", 'expected ")", found ";"'],
  [
    "CREATE EDGE FUNCTION f RETURNS ¶TABLE (a int)",
    "not_supported",
    "RETURNS TABLE is not supported",
  ],
  ["CREATE EDGE FUNCTION f RETURNS ¶SETOF int", "not_supported", "RETURNS SETOF is not supported"],
  ["CREATE EDGE FUNCTION f RETURNS ¶trigger", "not_supported", "RETURNS TRIGGER is not supported"],
  [
    "CREATE EDGE FUNCTION f RETURNS ¶NULL ON NULL INPUT",
    "not_supported",
    "NULL is not supported for edge functions",
  ],
  [
    "CREATE EDGE FUNCTION f ¶IMMUTABLE AS ''",
    "not_supported",
    "IMMUTABLE is not supported for edge functions",
  ],
  ["CREATE EDGE FUNCTION f AS '' ¶AS ''", "syntax_error", "AS is given twice"],
  ["CREATE EDGE FUNCTION f MEMORY 1 ¶memory 2", "syntax_error", "MEMORY is given twice"],
  [
    "CREATE EDGE FUNCTION f AS ¶javascript",
    "syntax_error",
    "expected the code, as $$…$$ or '…', found \"javascript\"",
  ],
  ["CREATE EDGE FUNCTION f AS ¶$$ abc", "syntax_error", "unterminated dollar-quoted string"],
  ["CREATE EDGE FUNCTION f AS ¶'abc", "syntax_error", "unterminated string"],
  ['CREATE EDGE FUNCTION ¶"abc', "syntax_error", "unterminated quoted identifier"],
  ["DROP EDGE FUNCTION f¶ /* x", "syntax_error", "unterminated comment"],
  [
    "CREATE EDGE FUNCTION f ¶CODE = ''",
    "syntax_error",
    "CODE belongs to ALTER EDGE FUNCTION",
    "In CREATE EDGE FUNCTION the code follows AS.",
  ],
  [
    "CREATE EDGE FUNCTION f AUTH ¶$1",
    "syntax_error",
    'expected a value for AUTH, found "$1"',
  ],
  [
    "CREATE EDGE FUNCTION f MEMORY 5 ¶6",
    "syntax_error",
    'expected RETURNS, LANGUAGE, AS or an option, found "6"',
  ],
  [
    "CREATE EDGE FUNCTION f SECRETS ('a' ¶'b')",
    "syntax_error",
    'expected "," or ")", found "\'b\'"',
  ],
  [
    "CREATE EDGE FUNCTION f AS ¶E'\\000'",
    "syntax_error",
    "byte escapes must be ASCII; write other characters as \\u",
  ],
  ["CREATE EDGE FUNCTION f AS ¶U&'\\00'", "syntax_error", "invalid Unicode escape"],
  ["ALTER EDGE FUNCTION f ¶MEMORY = 1", "syntax_error", 'expected SET, found "MEMORY"'],
  [
    "ALTER EDGE FUNCTION f SET¶",
    "syntax_error",
    "expected an option or CODE, found the end of the statement",
  ],
  [
    "ALTER EDGE FUNCTION f SET MEMORY = 1,¶",
    "syntax_error",
    "expected an option or CODE, found the end of the statement",
  ],
  ["ALTER EDGE FUNCTION f SET CODE '' ¶CODE ''", "syntax_error", "CODE is given twice"],
  [
    "DROP EDGE FUNCTION f¶(int)",
    "syntax_error",
    "an edge function is named without its parameters here",
    "Edge functions are not overloaded: the name alone says which one.",
  ],
  [
    "DROP EDGE FUNCTION f ¶CASCAD",
    "syntax_error",
    'expected ",", CASCADE or RESTRICT, found "CASCAD"',
    "Did you mean CASCADE?",
  ],
  [
    "LIST EDGE ¶FUNCTION",
    "syntax_error",
    'expected FUNCTIONS, DEPLOYMENTS, CHAINS, TRIGGERS or ALERTS, found "FUNCTION"',
    "Did you mean FUNCTIONS?",
  ],
  ["LIST EDGE FUNCTIONS ¶ORDER BY 1", "syntax_error", 'expected WHERE, found "ORDER"'],
  [
    "LIST EDGE FUNCTIONS WHERE¶",
    "syntax_error",
    "expected a condition, found the end of the statement",
  ],
  ["LIST EDGE FUNCTIONS WHERE true¶) UNION (SELECT 1", "syntax_error", '")" has no "("'],
  ["EXECUTE EDGE FUNCTION f¶", "syntax_error", 'expected "(", found the end of the statement'],
  ["EXECUTE EDGE FUNCTION f(1¶", "syntax_error", 'expected ")", found the end of the statement'],
  ["EXECUTE EDGE FUNCTION f(1) ¶x", "syntax_error", 'expected the end of the statement, found "x"'],
  [
    "ROLLBACK EDGE FUNCTION f TO VERSION ¶0",
    "syntax_error",
    "a version is a whole number from 1 up",
  ],
  [
    "ROLLBACK EDGE FUNCTION f TO VERSION ¶1.5",
    "syntax_error",
    "a version is a whole number from 1 up",
  ],
  ["ROLLBACK EDGE FUNCTION f ¶VERSION 1", "syntax_error", 'expected TO, found "VERSION"'],
  [
    "SELECT 1; ¶DEPLOY EDGE FUNCTION f TO PROVIDER 'x'",
    "not_supported",
    "DEPLOY EDGE FUNCTION is not supported yet",
  ],
  ["¶UNDEPLOY EDGE FUNCTION f", "not_supported", "UNDEPLOY EDGE FUNCTION is not supported yet"],
  [
    "WARM EDGE FUNCTION f ¶ON REGIONS ('a')",
    "syntax_error",
    'expected IN REGIONS or the end of the statement, found "ON"',
  ],
  ["WARM EDGE FUNCTION f IN REGIONS (¶)", "syntax_error", 'expected a region in quotes, found ")"'],
  [
    "WARM EDGE FUNCTION f IN REGIONS ('a' ¶'b')",
    "syntax_error",
    'expected "," or ")", found "\'b\'"',
  ],
  [
    "WARM EDGE FUNCTION¶",
    "syntax_error",
    "expected a function name, found the end of the statement",
  ],
  [
    "¶CREATE EDGE CHAIN c AS a(x) → b(output)",
    "not_supported",
    "CREATE EDGE CHAIN is not supported yet",
  ],
  ["¶EXECUTE EDGE CHAIN c", "not_supported", "EXECUTE EDGE CHAIN is not supported yet"],
  ["¶LIST EDGE DEPLOYMENTS", "not_supported", "LIST EDGE DEPLOYMENTS is not supported yet"],
  [
    "CREATE TRIGGER t ON ¶KAFKA 'x' EXECUTE EDGE FUNCTION f",
    "syntax_error",
    'expected HTTP, SCHEDULE, QUEUE, FILE_UPLOAD or HOOK, found "KAFKA"',
  ],
  [
    "CREATE TRIGGER t ON HTTP ¶FETCH '/x' EXECUTE EDGE FUNCTION f",
    "syntax_error",
    'expected GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or ANY, found "FETCH"',
  ],
  [
    "CREATE TRIGGER t BEFORE ¶TRUNCATE ON u EXECUTE EDGE FUNCTION f",
    "syntax_error",
    'expected INSERT, UPDATE or DELETE, found "TRUNCATE"',
  ],
  [
    "CREATE TRIGGER t AFTER INSERT ON u FOR EACH ROW EXECUTE EDGE FUNCTION f(¶x)",
    "syntax_error",
    'expected NEW.*, OLD.*, NEW.column or a literal, found "x"',
  ],
  [
    "CREATE TRIGGER t ON QUEUE 'q' EXECUTE EDGE FUNCTION f(¶1)",
    "syntax_error",
    "only triggers on tables pass arguments",
  ],
  [
    "CREATE TRIGGER t ON QUEUE 'q' WITH RATE = 1 ¶RATE = 2 EXECUTE EDGE FUNCTION f",
    "syntax_error",
    "RATE is given twice",
  ],
  [
    "¶CREATE ALERT a ON METRIC edge_function_error_rate",
    "not_supported",
    "CREATE ALERT is not supported yet",
  ],
  ["¶DROP ALERT a", "not_supported", "DROP ALERT is not supported yet"],
  [
    "¶GRANT EXECUTE ON EDGE FUNCTION f TO bob",
    "not_supported",
    "GRANT … ON EDGE FUNCTION is not supported yet",
  ],
  [
    "¶REVOKE ALL ON EDGE FUNCTIONS FROM bob",
    "not_supported",
    "REVOKE … ON EDGE FUNCTION is not supported yet",
  ],
  [
    "EXPLAIN ¶EXECUTE EDGE FUNCTION f(1)",
    "not_supported",
    "EXPLAIN … EXECUTE EDGE FUNCTION is not supported yet",
  ],
];

for (const [marked, code, message, hint] of errors) {
  Deno.test(`error: ${marked}`, () => {
    const text = marked.replace("¶", "");
    throws(() => parseStatements(text), (error) => {
      ok(error instanceof OrlaError);
      deepEqual(
        [error.code, error.message, error.position],
        [code, message, marked.indexOf("¶")],
      );
      if (hint !== undefined) equal(error.hint, hint);
      return true;
    });
  });
}
