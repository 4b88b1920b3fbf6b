import assert from "node:assert/strict";
import { isComplete } from "./sql-complete.ts";
import { formatError, type SqlError } from "./sql-error.ts";
import { inlineSources } from "./sql-source.ts";
import { formatTable } from "./sql-table.ts";

const complete: ReadonlyArray<readonly [text: string, expected: boolean]> = [
  ["SELECT 1;", true],
  ["SELECT 1; -- done", true],
  ["SELECT 1", false],
  ["SELECT 1; SELECT 2", false],
  ["SELECT ';'", false],
  ["SELECT ';", false],
  ["SELECT ';';", true],
  ["CREATE EDGE FUNCTION f AS $$ a; b;", false],
  ["CREATE EDGE FUNCTION f AS $$ a; b; $$;", true],
  ["CREATE EDGE FUNCTION f AS $x$ $$; $x$;", true],
  ["/* ; ", false],
  ["-- only a comment", true],
];

for (const [text, expected] of complete) {
  Deno.test(`${JSON.stringify(text)} is ${expected ? "" : "not "}complete`, () => {
    assert.equal(isComplete(text), expected);
  });
}

Deno.test("a table is aligned, numbers flush right, NULL empty, long values over lines", () => {
  const table = formatTable(
    [{ name: "id", numeric: true }, { name: "name", numeric: false }],
    [["1", "a"], ["12", null], ["3", "two\nlines"]],
  );
  assert.equal(
    table,
    [
      " id | name  ",
      "----+-------",
      "  1 | a",
      " 12 |",
      "  3 | two  +",
      "    | lines",
      "(3 rows)",
      "",
    ].join("\n"),
  );
});

Deno.test("wide characters take two columns", () => {
  const [, , first = "", second = ""] = formatTable(
    [{ name: "a", numeric: false }, { name: "b", numeric: false }],
    [["東京", "x"], ["abcd", "y"]],
  ).split("\n");
  assert.equal(first, " 東京 | x");
  assert.equal(second, " abcd | y");
});

Deno.test("the caret stands under the token, in characters, not code units", () => {
  const text = "SELECT 1,\n\t'😀' frm";
  const error = Object.assign(new Error("syntax error"), {
    severity: "ERROR",
    code: "42601",
    position: String(Array.from("SELECT 1,\n\t'😀' ").length + 1),
    hint: "try again",
  }) satisfies SqlError;
  assert.deepEqual(formatError(error, text).split("\n"), [
    "ERROR:  syntax error",
    "LINE 2: \t'😀' frm",
    "        \t    ^",
    "HINT:  try again",
  ]);
});

Deno.test("SOURCE 'file:…' is replaced by the file's contents, and errors stand where it was written", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${directory}/a.wasm`, new Uint8Array([0, 97, 115, 109]));
    await Deno.writeTextFile(`${directory}/é.js`, "const tag = '$code$';");
    const text =
      `SELECT '😀'; CREATE EDGE FUNCTION f LANGUAGE wasm SOURCE 'file:${directory}/a.wasm' ` +
      `MEMORY 64MB; ALTER EDGE FUNCTION g SET source = 'file://${directory}/%C3%A9.js', TIMEOUT = 1s`;
    const { text: sent, writtenPosition } = await inlineSources(text);
    assert.equal(
      sent,
      `SELECT '😀'; CREATE EDGE FUNCTION f LANGUAGE wasm AS 'AGFzbQ==' MEMORY 64MB; ` +
        `ALTER EDGE FUNCTION g SET CODE = $code1$const tag = '$code$';$code1$, TIMEOUT = 1s`,
    );
    const at = (whole: string, part: string) => Array.from(whole.split(part)[0] ?? "").length + 1;
    for (const part of ["CREATE", "MEMORY", "ALTER", "TIMEOUT"]) {
      assert.equal(writtenPosition(at(sent, part)), at(text, part), part);
    }
    assert.equal(writtenPosition(at(sent, "AGF")), at(text, "SOURCE"));
    assert.equal(writtenPosition(at(sent, "const")), at(text, "source"));
    for (const plain of ["SELECT 'source file:x'", "CREATE EDGE FUNCTION (SOURCE 'file:x'"]) {
      assert.equal((await inlineSources(plain)).text, plain);
    }
    await assert.rejects(
      inlineSources("CREATE EDGE FUNCTION f LANGUAGE wasm SOURCE 'file:/none.wasm'"),
      /SOURCE 'file:\/none.wasm' cannot be read: No such file/,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
