import { deepEqual, equal, ok } from "node:assert/strict";
import type { EdgeStatement } from "./ast.ts";
import { parseStatements } from "./parse.ts";
import { printStatement } from "./print.ts";

function parseOne(text: string): EdgeStatement {
  const [first, ...rest] = parseStatements(text);
  equal(rest.length, 0);
  ok(first?.kind === "edge", `not an edge statement: ${text}`);
  return first.statement;
}

/** As written, and as printed: letter case, commas and the place of options are free. */
const statements: ReadonlyArray<readonly [written: string, printed: string]> = [
  [
    "create trigger check_mail before insert on people for each row execute edge function check_mail(NEW.mail)",
    `CREATE TRIGGER check_mail
BEFORE INSERT ON people
FOR EACH ROW
EXECUTE EDGE FUNCTION check_mail(NEW.mail)`,
  ],
  [
    `CREATE OR REPLACE TRIGGER t AFTER UPDATE OF a, "B" OR DELETE ON s.x FOR ROW
      WHEN (OLD.a IS DISTINCT FROM (NEW.a)) ON_ERROR = 'allow' DEADLINE 2s
      EXECUTE EDGE FUNCTION s.f(NEW.*, OLD, -1, 'it''s', true) WITH BATCH_SIZE = 500`,
    `CREATE OR REPLACE TRIGGER t
AFTER UPDATE OF a, "B" OR DELETE ON s.x
FOR EACH ROW
WHEN (OLD.a IS DISTINCT FROM (NEW.a))
WITH (ON_ERROR = 'allow', DEADLINE = 2s, BATCH_SIZE = 500)
EXECUTE EDGE FUNCTION s.f(NEW.*, OLD.*, -1, 'it''s', true)`,
  ],
  [
    "CREATE TRIGGER v INSTEAD OF INSERT ON shown FOR EACH ROW EXECUTE EDGE FUNCTION f(NEW.*)",
    `CREATE TRIGGER v
INSTEAD OF INSERT ON shown
FOR EACH ROW
EXECUTE EDGE FUNCTION f(NEW.*)`,
  ],
  [
    "CREATE TRIGGER s AFTER INSERT ON x EXECUTE EDGE FUNCTION f()",
    `CREATE TRIGGER s
AFTER INSERT ON x
FOR EACH STATEMENT
EXECUTE EDGE FUNCTION f()`,
  ],
  [
    "CREATE TRIGGER h ON HTTP POST '/orders/:id' WITH AUTH = 'bearer_token' EXECUTE EDGE FUNCTION f;",
    `CREATE TRIGGER h
ON HTTP POST '/orders/:id'
WITH (AUTH = 'bearer_token')
EXECUTE EDGE FUNCTION f`,
  ],
  [
    "CREATE TRIGGER c ON SCHEDULE '0 4 * * *' TIMEZONE 'Europe/Madrid' EXECUTE EDGE FUNCTION f",
    `CREATE TRIGGER c
ON SCHEDULE '0 4 * * *'
WITH (TIMEZONE = 'Europe/Madrid')
EXECUTE EDGE FUNCTION f`,
  ],
  [
    "CREATE TRIGGER q ON QUEUE 'mails' WITH (CONCURRENCY = 4, RATE '10/s') EXECUTE EDGE FUNCTION f()",
    `CREATE TRIGGER q
ON QUEUE 'mails'
WITH (CONCURRENCY = 4, RATE = '10/s')
EXECUTE EDGE FUNCTION f()`,
  ],
  [
    "CREATE TRIGGER u ON FILE_UPLOAD BUCKET 'photos' PATTERN '*.png' MAX_SIZE 5MB EXECUTE EDGE FUNCTION f",
    `CREATE TRIGGER u
ON FILE_UPLOAD BUCKET 'photos'
WITH (PATTERN = '*.png', MAX_SIZE = 5MB)
EXECUTE EDGE FUNCTION f`,
  ],
  [
    "CREATE TRIGGER k ON HOOK 'post-backup' EXECUTE EDGE FUNCTION f",
    `CREATE TRIGGER k
ON HOOK 'post-backup'
EXECUTE EDGE FUNCTION f`,
  ],
  [
    "ALTER TRIGGER s.q SET concurrency = 8, SET rate '5/s'",
    `ALTER TRIGGER s.q
SET CONCURRENCY = 8,
    RATE = '5/s'`,
  ],
  ["drop trigger if exists a, s.b cascade", "DROP TRIGGER IF EXISTS a, s.b"],
  ["ENABLE TRIGGER a", "ENABLE TRIGGER a"],
  ["DISABLE TRIGGER a", "DISABLE TRIGGER a"],
  ["EXECUTE TRIGGER a WITH INPUT '{}'", "EXECUTE TRIGGER a WITH INPUT = '{}'"],
  ["LIST EDGE TRIGGERS WHERE enabled", "LIST EDGE TRIGGERS WHERE enabled"],
  [
    "EXECUTE EDGE FUNCTION f REPLAY '0190a' VERSION 3",
    "EXECUTE EDGE FUNCTION f REPLAY '0190a' VERSION 3",
  ],
];

for (const [written, printed] of statements) {
  Deno.test(`trigger: ${written.slice(0, 60)}`, () => {
    equal(printStatement(parseOne(written)), printed);
  });
}

Deno.test("statements of Postgres's own triggers, and prepared statements, are left alone", () => {
  const plain = [
    "EXECUTE trigger",
    "EXECUTE trigger(1)",
    "DROP TRIGGER a ON b",
    "ALTER TRIGGER a ON b RENAME TO c",
    "ALTER TABLE t DISABLE TRIGGER a",
    "CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION f()",
  ];
  for (const text of plain) deepEqual(parseStatements(text).map(({ kind }) => kind), ["plain"]);
});
