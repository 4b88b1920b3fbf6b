/** docs/security.md lists what is really tried, and what is said to be tried elsewhere is. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { root } from "../docs/documents.ts";
import { tableBelow } from "../docs/markdown.ts";
import { attackGroups, attacks } from "./attack-list.ts";
import { rowsOf, wallRows } from "./security-tables.ts";

const document = Deno.readTextFileSync(join(root, "docs/security.md"));

Deno.test("security.md: every attack with the walls that stop it", () => {
  for (const [group, list] of Object.entries(attackGroups)) {
    deepEqual(
      tableBelow(document, group),
      rowsOf(list),
      "write it anew: bin/deno eval 'import { securityTables } from \"./tests/hostile/" +
        "security-tables.ts\"; console.log(securityTables())'",
    );
  }
  deepEqual(tableBelow(document, "The attacks that are tried"), wallRows());
});

Deno.test("security.md: the number of attacks", () => {
  const told = /^(\d+) ideas, (\d+) attacks:/m.exec(document);
  const codes = attacks.flatMap(({ code }) => Object.values(code));
  deepEqual(told?.slice(1).map(Number), [attacks.length, codes.length]);
  ok(attacks.length >= 60);
});

Deno.test("attacks have names of their own, and say why where nothing shows them to be ones", () => {
  equal(new Set(attacks.map(({ name }) => name)).size, attacks.length);
  for (const { name, code } of attacks) {
    ok(Object.keys(code).length > 0, name);
    for (const { noControl, whole } of Object.values(code)) {
      ok(!whole || noControl !== undefined, `${name}: a whole function has no attempt to free`);
    }
  }
});

Deno.test("what is said to be tried behind Deno's permissions is", () => {
  const tried = Deno.readTextFileSync(new URL("../sandbox/attacks.js", import.meta.url)) +
    Deno.readTextFileSync(new URL("../sandbox/attacks.py", import.meta.url));
  for (const { name, behindDeno = [] } of attacks) {
    for (const other of behindDeno) {
      ok(
        new RegExp(`^\\s+"?${other}"?: |\\{ ${other}: `, "m").test(tried) ||
          tried.includes(`{ ${other}:`),
        `${name}: ${other}`,
      );
    }
  }
});
