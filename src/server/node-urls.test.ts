import assert from "node:assert/strict";
import { httpUrl, sqlUrl } from "./node-urls.ts";

const at = { host: "127.0.0.1", httpPort: 8000, sqlPort: 5433, encrypted: false };

Deno.test("URLs name an address that can be connected to", () => {
  assert.equal(httpUrl(at), "http://127.0.0.1:8000");
  assert.equal(httpUrl({ ...at, host: "0.0.0.0", encrypted: true }), "https://127.0.0.1:8000");
  assert.equal(httpUrl({ ...at, host: "::" }), "http://[::1]:8000");
  assert.equal(httpUrl({ ...at, host: "fe80::1" }), "http://[fe80::1]:8000");
});

Deno.test("the SQL URL keeps the database's login and name, and nothing else of its URL", () => {
  const cases = [
    ["postgres://a:p%40ss@db:5432/x?sslmode=require", "postgres://a:p%40ss@127.0.0.1:5433/x"],
    ["postgres://a@db", "postgres://a@127.0.0.1:5433/a"],
  ] as const;
  for (const [database, expected] of cases) assert.equal(sqlUrl(at, database), expected);
});
