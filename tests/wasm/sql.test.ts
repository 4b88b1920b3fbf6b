/** WebAssembly functions as people make and call them: through SQL, with SOURCE, over HTTP. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { callFunction } from "../acceptance/http-calls.ts";
import { openSession, type SqlSession } from "../acceptance/sql-session.ts";
import { runOrla, startOrlaProcess } from "../orla.ts";
import { fixture } from "./wasm-rig.ts";

const ADD = `(module (func (export "add") (param i32 i32) (result i32)
  local.get 0 local.get 1 i32.add))`;

/** The place of an error, as the text that its position points at. */
function placeOf(text: string, { position }: { readonly position?: string | undefined }): string {
  return text.slice(Number(position) - 1, Number(position) + 11);
}

Deno.test("WebAssembly through SQL and HTTP", async (t) => {
  await using orla = await startOrlaProcess();
  await using sql = await openSession(orla.sqlUrl);

  await t.step("text and base64, in queries and over HTTP", async () => {
    await sql.rows(
      `CREATE EDGE FUNCTION add(a int, b int) RETURNS int LANGUAGE wasm AS $$${ADD}$$`,
    );
    assert.equal(await sql.value("SELECT sum(add(n, 1)) FROM generate_series(1, 3) n"), "9");
    assert.equal(await sql.value("SELECT add(NULL, 1)"), null);
    const answer = await callFunction(orla, "add", { method: "POST", body: '{"a": 1, "b": 2}' });
    assert.equal(await answer.text(), "3");
    const wrong = await callFunction(orla, "add", { method: "POST", body: '["x", 1]' });
    assert.deepEqual([wrong.status, await wrong.json()], [400, {
      ...{ error: 'a must be a whole number, not "x"', code: "invalid_request" },
    }]);
    await sql.rows(
      `CREATE EDGE FUNCTION shout(input text) RETURNS text LANGUAGE webassembly AS '${
        fixture("rust-string")
      }'`,
    );
    assert.equal(await sql.value("SELECT shout('abc')"), "+++ABC");
    assert.equal(
      await sql.value("SELECT code LIKE 'AGFzbQ%' FROM system.edge_functions WHERE name = 'shout'"),
      true,
    );
  });

  await t.step("traps fail the caller, with the module's functions in the detail", async () => {
    await sql.rows(
      `CREATE EDGE FUNCTION fails(input text) RETURNS text LANGUAGE wasm AS '${
        fixture("rust-string")
      }'`,
    );
    const error = await sql.failure("SELECT fails('x')");
    assert.equal(error.code, "38000");
    assert.match(error.message, /RuntimeError: unreachable/);
    assert.match(error.detail ?? "", /at \S*panic\S* \(fails\.wasm:wasm-function\[\d+\]:0x/);
    assert.match(error.detail ?? "", /at fails \(fails\.wasm:wasm-function\[\d+\]:0x[\da-f]+\)$/);
    assert.doesNotMatch(error.detail ?? "", /file:|runtime/);
    assert.equal(await sql.value("SELECT shout('neighbour')"), "+++++++++NEIGHBOUR");
  });

  await t.step("what cannot work is refused when it is created, at its place", async () => {
    const refused = async (text: string, message: RegExp, place: string, code = "42601") => {
      const error = await sql.failure(text);
      assert.match(error.message, message);
      assert.equal(error.code, code);
      assert.ok(placeOf(text, error).startsWith(place), placeOf(text, error));
      return error;
    };
    const create = (signature: string, code: string) =>
      `CREATE EDGE FUNCTION g${signature} LANGUAGE wasm AS $$${code}$$`;
    await refused(
      create("()", "(module\n  (fnc))"),
      /SyntaxError in function g, line 2, column 4/,
      "fnc",
    );
    await refused(create("()", "AGFz*"), /"\*" is no character of base64/, "*");
    await refused(create("()", "AGFzbQEAAAAB"), /not valid WebAssembly, at byte \d+: /, "AGFz");
    await refused(
      create("(a text) RETURNS text", ADD),
      /has add\(i32, i32\) → i32, which does not go with g\(text\) RETURNS text/,
      "(module",
    );
    const unknown = await refused(
      create("()", '(module (import "env" "launch" (func)) (import "wbg" "x" (func)))'),
      /imports what Orla does not provide: env\.launch, wbg\.x/,
      "(module",
    );
    assert.match(unknown.hint ?? "", /wasm-bindgen/);
  });

  await t.step("ALTER gives other code, checked against the signature", async () => {
    await sql.rows(`ALTER EDGE FUNCTION add SET CODE = $$${ADD.replace("i32.add", "i32.mul")}$$`);
    assert.equal(await sql.value("SELECT add(6, 7)"), 42);
    const error = await sql.failure("ALTER EDGE FUNCTION add SET CODE = '(module)'");
    assert.match(error.message, /exports no function add or main/);
    await sql.rows("ALTER EDGE FUNCTION add SET MEMORY = 64MB");
    assert.equal(await sql.value("SELECT add(6, 7)"), 42);
    await sql.rows("ROLLBACK EDGE FUNCTION add TO VERSION 1");
    assert.equal(await sql.value("SELECT add(6, 7)"), 13);
  });

  await t.step("inside the transaction that creates it, and a megabyte of code", async () => {
    const data = "\\00".repeat(1 << 20);
    const code = `(module (memory 100) (data (i32.const 0) "${data}")
      (func (export "main") (result i64) i64.const 7))`;
    await sql.rows("BEGIN");
    await sql.rows(`CREATE EDGE FUNCTION large() RETURNS bigint LANGUAGE wasm AS $$${code}$$`);
    assert.equal(await sql.value("SELECT large()"), "7");
    await sql.rows("COMMIT");
    assert.equal(await sql.value("SELECT large()"), "7");
    const shown = await sql.value("SELECT code FROM system.edge_functions WHERE name = 'large'");
    assert.match(String(shown), /^\(\d+ characters of base64\)$/);
  });

  await t.step("SOURCE", () => sources(sql));

  await t.step("SOURCE 'file:…' by the command line", async () => {
    const path = new URL("fixtures/c-text/module.wasm", import.meta.url).pathname;
    const statement =
      `CREATE OR REPLACE EDGE FUNCTION packed(t text) RETURNS text LANGUAGE wasm SOURCE 'file:${path}'`;
    const env = { ORLA_DATA_DIR: orla.dataDir };
    const made = await runOrla(["sql", "-c", statement], { env });
    assert.deepEqual([made.code, made.stdout], [0, "CREATE EDGE FUNCTION\n"], made.stderr);
    assert.equal(await sql.value("SELECT packed('xyz')"), "zyx");
    const missing = await runOrla(["sql", "-c", statement.replace(".wasm", ".none")], { env });
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^orla: SOURCE 'file:.*\.none' cannot be read: No such file/);
  });
});

async function sources(sql: SqlSession): Promise<void> {
  const module = Uint8Array.fromBase64(fixture("c-text"));
  const hash = createHash("sha256").update(module).digest("hex");
  let fetches = 0;
  /** Set once the server has its port. */
  let base = "";
  await using server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      fetches++;
      const { pathname } = new URL(request.url);
      switch (pathname) {
        case "/text.wasm":
          return new Response(module);
        case "/moved":
          return Response.redirect(`${base}/text.wasm`);
        case "/inside":
          return Response.redirect("http://127.0.0.1:1/");
        case "/round":
          return Response.redirect(`${base}/round`);
        case "/large":
          return new Response(new Uint8Array(13 * 2 ** 20));
        case "/f.js":
          return new Response("export const main = (x) => x + 1;");
        default:
          return new Response("no", { status: 404 });
      }
    },
  );
  base = `http://127.0.0.1:${server.addr.port}`;
  const allow = `ALLOW_NET ('127.0.0.1:${server.addr.port}')`;
  const create = (name: string, source: string, more = allow, language = "wasm") =>
    `CREATE OR REPLACE EDGE FUNCTION ${name}(t text) RETURNS text LANGUAGE ${language} ` +
    `SOURCE '${source}' ${more}`;

  await sql.rows(create("packed", `${base}/text.wasm`));
  await sql.rows(create("zero_ended", `${base}/moved#sha256=${hash}`));
  const before = fetches;
  assert.equal(await sql.value("SELECT packed('abc') || zero_ended('def')"), "cbafed");
  assert.equal(fetches, before, "fetched once, when created");
  assert.deepEqual(
    await sql.rows(
      "SELECT name, source, options ->> 'source' = source AS same FROM " +
        "system.edge_functions WHERE source IS NOT NULL ORDER BY name",
    ),
    [
      { name: "packed", source: `${base}/text.wasm#sha256=${hash}`, same: true },
      { name: "zero_ended", source: `${base}/moved#sha256=${hash}`, same: true },
    ],
  );

  const refused = async (text: string, message: RegExp, place = "'http") => {
    const error = await sql.failure(text);
    assert.match(error.message, message);
    assert.ok(placeOf(text, error).startsWith(place), `${message}: ${placeOf(text, error)}`);
    return error;
  };
  await refused(
    create("f", `${base}/text.wasm`, ""),
    /cannot be fetched: 127.0.0.1 is a loopback address/,
  );
  await refused(
    create("f", `${base}/text.wasm#sha256=${"0".repeat(64)}`),
    /is not what it was promised to be/,
  );
  await refused(create("f", `${base}/none.wasm`), /answered with status 404/);
  await refused(create("f", `${base}/round`), /redirects more than 10 times/);
  await refused(create("f", `${base}/inside`), /127.0.0.1 is a loopback address/);
  await refused(create("f", `${base}/large`), /has more than 12582912 bytes/);
  await refused(create("f", "http://user:secret@example.com/x"), /must hold no password/);
  await refused(
    create("f", "ftp://example.com/x"),
    /takes https: and http: URLs, not ftp:/,
    "'ftp",
  );
  await refused(create("f", "hash.wasm"), /is no URL/, "'hash");
  const file = await refused(
    create("f", "file:./hash.wasm"),
    /names a file of the client's/,
    "'file",
  );
  assert.match(file.hint ?? "", /orla sql -c/);
  await refused(
    create("f", `${base}/text.wasm`, `${allow} AS $$(module)$$`),
    /SOURCE and the code itself cannot both be given/,
  );

  // Other languages have a SOURCE as well.
  await sql.rows(
    `CREATE EDGE FUNCTION j(x int) RETURNS int LANGUAGE javascript SOURCE '${base}/f.js' ${allow}`,
  );
  assert.equal(await sql.value("SELECT j(1)"), 2);

  // ALTER fetches anew, or gives the code itself; without either the source stays.
  await sql.rows("ALTER EDGE FUNCTION packed SET TIMEOUT = 1s");
  const source = "SELECT source FROM system.edge_functions WHERE name = 'packed'";
  assert.equal(await sql.value(source), `${base}/text.wasm#sha256=${hash}`);
  await sql.rows(`ALTER EDGE FUNCTION packed SET SOURCE = '${base}/moved'`);
  assert.equal(await sql.value(source), `${base}/moved#sha256=${hash}`);
  await refused("ALTER EDGE FUNCTION packed SET SOURCE = NULL", /cannot be taken away/, "NULL");
  await sql.rows(`ALTER EDGE FUNCTION packed SET CODE = '${module.toBase64()}'`);
  assert.equal(await sql.value(source), null);
  assert.equal(await sql.value("SELECT packed('abc')"), "cba");
}
