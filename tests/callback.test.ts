/** Edge functions called inside queries: Postgres, dblink, the callback endpoint, and back. */
import assert from "node:assert/strict";
import pg from "pg";
import { OrlaError } from "../src/base/errors.ts";
import { queryMessage } from "../src/pgwire/frontend.ts";
import type { PayloadCall } from "../src/functions/call.ts";
import { type SqlRig, startSqlRig } from "./sql-rig.ts";
import { errorOf, typesOf, WireClient } from "./wire-client.ts";

/** What the functions of these tests do, by their code. */
async function answer(call: PayloadCall, code: string): Promise<string> {
  if (code.includes("echo")) return call.input;
  if (code.includes("role")) return JSON.stringify(call.caller.role);
  if (code.includes("large")) return JSON.stringify("x".repeat(2_000_000));
  if (code.includes("fail")) {
    throw new OrlaError("function_error", "boom: é", {
      hint: "try again",
      detail: "Error: boom\n    at f.js:1:1",
      sqlState: "P1234",
    });
  }
  if (code.includes("bug")) throw new Error("a mistake of ours");
  // Everything else hangs until it is aborted.
  const { cancellation } = call;
  assert.ok(cancellation);
  aborts.started.resolve();
  await new Promise((resolve) => cancellation.onCancel(resolve));
  aborts.aborted.resolve();
  throw new OrlaError("cancelled", "the caller went away");
}

let aborts = { started: Promise.withResolvers<void>(), aborted: Promise.withResolvers<void>() };

const places = {
  "a unix socket": {},
  TCP: { callback: { host: "127.0.0.1", port: 0 } },
};

for (const [place, options] of Object.entries(places)) {
  Deno.test(`calls over ${place}`, async (t) => {
    await using rig = await startSqlRig({
      ...options,
      answer: (call, { code }) => answer(call, code),
      callbackLimits: { maxResultBytes: 1_000_000, maxInputBytes: 1_000_000 },
    });
    const client = await rig.connect();
    for (const name of ["echo", "role", "large", "fail", "bug", "hang"]) {
      await client.query(
        `CREATE EDGE FUNCTION ${name} LANGUAGE javascript AS $$export default () => "${name}"$$`,
      );
    }
    await client.query(
      "CREATE EDGE FUNCTION echo2(a numeric, b text) LANGUAGE javascript AS $$export default () => 'echo'$$",
    );
    await steps(t, rig, client);
    await client.end();
    assert.deepEqual(rig.errors.map(String), ["Error: a mistake of ours"]);
  });
}

async function steps(t: Deno.TestContext, rig: SqlRig, client: pg.Client): Promise<void> {
  const failure = async (text: string): Promise<pg.DatabaseError> => {
    try {
      await client.query(text);
    } catch (thrown) {
      if (thrown instanceof pg.DatabaseError) return thrown;
    }
    throw new Error(`${text} was expected to fail`);
  };

  await t.step("arguments keep every digit and character", async () => {
    const { rows } = await client.query(
      "SELECT echo2(12345678901234567890.123456789, E'é😀\\n\"') ->> 0 AS a, echo('{}') AS b",
    );
    assert.deepEqual(rows, [{ a: "12345678901234567890.123456789", b: {} }]);
  });

  await t.step("one connection serves a session's rows", async () => {
    const { rows } = await client.query(
      "SELECT count(*)::int AS n FROM generate_series(1, 500) AS g WHERE echo2(g, 'x') IS NOT NULL",
    );
    assert.deepEqual(rows, [{ n: 500 }]);
    assert.equal(rig.callback.connections, 1);
  });

  await t.step("the function is told on whose behalf it runs", async () => {
    await client.query("CREATE ROLE ada; SET ROLE ada");
    assert.deepEqual((await client.query("SELECT role() AS r")).rows, [{ r: "ada" }]);
    await client.query("RESET ROLE");
  });

  await t.step("a function's error arrives whole, and the session goes on", async () => {
    const error = await failure("SELECT fail()");
    assert.deepEqual(
      [error.code, error.message, error.hint, error.detail],
      ["P1234", "boom: é", "try again", "Error: boom\n    at f.js:1:1"],
    );
    assert.equal((await failure("SELECT bug()")).code, "XX000");
    assert.equal((await failure("SELECT large()")).code, "54000");
    assert.equal((await failure("SELECT echo(to_jsonb(repeat('x', 2000000)))")).code, "54000");
    assert.equal((await client.query("SELECT echo('1') AS r")).rows[0].r, 1);
  });

  await t.step("a statement's time-out aborts the call", async () => {
    aborts = { started: Promise.withResolvers(), aborted: Promise.withResolvers() };
    await client.query("SET statement_timeout = 200");
    assert.equal((await failure("SELECT hang()")).code, "57014");
    await aborts.aborted.promise;
    await client.query("RESET statement_timeout");
    assert.equal((await client.query("SELECT echo('2') AS r")).rows[0].r, 2);
  });

  await t.step("a session's end aborts the call", async () => {
    aborts = { started: Promise.withResolvers(), aborted: Promise.withResolvers() };
    const victim = await rig.connect();
    victim.on("error", () => {});
    const { rows: [row] } = await victim.query("SELECT pg_backend_pid() AS pid");
    const ended = victim.query("SELECT hang()").catch(() => {});
    await aborts.started.promise;
    await client.query("SELECT pg_terminate_backend($1)", [row.pid]);
    await aborts.aborted.promise;
    await ended;
    await victim.end().catch(() => {});
  });

  await t.step("who does not know the password does not get in", async () => {
    const { port } = rig.callback;
    if (port === null) return;
    const stranger = new pg.Client({ host: "127.0.0.1", port, user: "orla", password: "guess" });
    await assert.rejects(stranger.connect(), /password authentication failed/);
    const impatient = await WireClient.connect(port);
    await impatient.send(queryMessage("SELECT 1"));
    const messages = await impatient.receiveUntil("never");
    assert.match(typesOf(messages), /^R?E$/);
    assert.equal(errorOf(messages.at(-1)).code, "08P01");
    impatient.close();
  });

  await t.step("it is no database", async () => {
    const { port } = rig.callback;
    if (port === null) return;
    const password = await rig.catalog.callbackPassword();
    const guest = new pg.Client({ host: "127.0.0.1", port, user: "orla", password });
    await guest.connect();
    const { rows } = await guest.query("SELECT 1");
    assert.equal(rows[0].state, "error");
    assert.match(rows[0].body, /only takes calls from edge functions/);
    assert.deepEqual((await guest.query("")).rows, []);
    await guest.end();
  });
}

Deno.test("stopping lets a running call finish, and closes idle connections", async () => {
  const release = Promise.withResolvers<string>();
  const started = Promise.withResolvers<void>();
  await using rig = await startSqlRig({
    answer: (call) => {
      if (call.input === "null") return "null";
      started.resolve();
      return release.promise;
    },
  });
  const [idle, busy] = [await rig.connect(), await rig.connect()];
  await idle.query("CREATE EDGE FUNCTION f LANGUAGE javascript AS $$export default () => 1$$");
  await idle.query("SELECT f()");
  const call = busy.query("SELECT f('1') AS r");
  await started.promise;
  assert.equal(rig.callback.connections, 2);
  const stopped = rig.callback[Symbol.asyncDispose]();
  while (rig.callback.connections > 1) await new Promise((resolve) => setTimeout(resolve, 1));
  release.resolve('"done"');
  assert.deepEqual((await call).rows, [{ r: "done" }]);
  await stopped;
  await Promise.all([idle.end(), busy.end()]);
});

Deno.test("a cancel request ends the call it is for", async () => {
  aborts = { started: Promise.withResolvers(), aborted: Promise.withResolvers() };
  await using rig = await startSqlRig({
    callback: { host: "127.0.0.1", port: 0 },
    answer: (call) => answer(call, ""),
  });
  const owner = await rig.connect();
  await owner.query("CREATE EDGE FUNCTION f LANGUAGE javascript AS $$export default () => 1$$");
  await owner.end();
  const version = rig.catalog.find("default", "f");
  const port = Number(rig.callback.port);
  const password = await rig.catalog.callbackPassword();
  const client = new pg.Client({ host: "127.0.0.1", port, user: "orla", password });
  await client.connect();
  const header = JSON.stringify({ v: version?.versionId, role: "ada" });
  const running = client.query(`${header}\nnull`);
  await aborts.started.promise;
  const canceller = new pg.Client({ host: "127.0.0.1", port });
  // The driver's own way to send a CancelRequest, which its types leave out.
  (canceller as unknown as { cancel(client: pg.Client, query: unknown): void })
    .cancel(client, (client as unknown as { activeQuery: unknown }).activeQuery ?? running);
  await aborts.aborted.promise;
  assert.equal((await running).rows[0].state, "error");
  await client.end();
});
