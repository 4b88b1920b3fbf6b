import assert from "node:assert/strict";
import { matchesOutput } from "./expected-output.ts";
import { anchorsOf, fencesOf, linksOf, tableBelow } from "./markdown.ts";
import { statementsOf } from "./sql-session.ts";

const document = `# Title: _one_ \`two\`

See [there](other.md#a-b) and [the web](https://example.org).

<!-- no-run: for a reason -->

\`\`\`sh no-run
ls
\`\`\`

\`\`\`sql
SELECT 1; -- [no](link.md)
\`\`\`

\`\`\`text
output
\`\`\`

Prose.

\`\`\`text
of nobody
\`\`\`

| a   | b        |
| --- | -------- |
| 1   | \`x \\| y\` |
`;

Deno.test("fences know their flags, their comment and what they follow", () => {
  const [sh, sql, output, lonely] = fencesOf(document);
  assert.deepEqual([sh?.language, sh?.flags, sh?.comment, sh?.line], [
    ...["sh", ["no-run"], "no-run: for a reason", 7],
  ]);
  assert.deepEqual([sql?.text, sql?.comment], ["SELECT 1; -- [no](link.md)", null]);
  assert.equal(output?.follows, sql);
  assert.equal(lonely?.follows, null);
  assert.throws(() => fencesOf("```sql\nSELECT 1"), /has no end/);
});

Deno.test("tables, links and anchors", () => {
  assert.deepEqual(tableBelow(document, "Title: _one_ `two`"), [["1", "`x | y`"]]);
  assert.throws(() => tableBelow(document, "Nothing"));
  assert.deepEqual(linksOf(document), [{ target: "other.md#a-b", line: 3 }]);
  assert.deepEqual([...anchorsOf("## What it's for, `x` & [y](z.md)\n")], ["what-its-for-x--y"]);
});

Deno.test("an ellipsis stands for what changes, and for nothing else", () => {
  const cases = [
    ["a\nb", "a\nb", true],
    ["  a  \n\n", "a", true],
    ["id 12\nb", "id …\nb", true],
    ["id 12\nc", "id …\nb", false],
    ["a\nb\nc\nd", "a\n…\nd", true],
    ["a\nd", "a\n…\nd", true],
    ["a\nb", "a\n…\nd", false],
    ["a\nb", "a", false],
    ["a.c", "a.c", true],
    ["abc", "a.c", false],
  ] as const;
  for (const [actual, expected, fits] of cases) {
    assert.equal(matchesOutput(actual, expected), fits, `${actual} / ${expected}`);
  }
});

Deno.test("statements know how they are to end", () => {
  assert.deepEqual(
    statementsOf("SELECT 1;\nSELECT f(\n  2); -- ERROR 38000\n-- ERROR 42601 of nobody\nSELECT 3"),
    [
      { text: "SELECT 1", sqlState: null },
      { text: "SELECT f(\n  2)", sqlState: "38000" },
      { text: "SELECT 3", sqlState: null },
    ],
  );
});
