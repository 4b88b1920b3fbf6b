import assert from "node:assert/strict";
import { defaultOptions } from "../functions/option-table.ts";
import { startTestEndpoint } from "./test-endpoint.ts";
import { echo, startTestNode } from "./test-node.ts";
import {
  CREATE,
  createRequest,
  refusal,
  startTestServer,
  testsWithDatabase,
} from "./test-database.ts";

Deno.test("calls from SQL", async (t) => {
  await using server = await startTestServer();
  const test = testsWithDatabase(t, server);

  await test("no signature: the payload itself; void: nothing", async (session, db) => {
    const seen: string[] = [];
    await using _node = await startTestNode(db, (_header, input) => {
      seen.push(input);
      return { state: "ok", body: '{"n": 1}' };
    });
    await session.query(CREATE, [createRequest({ parameters: null, returns: null })]);
    await session.query(CREATE, [createRequest({ name: "g", parameters: "", returns: "void" })]);
    assert.deepEqual(await session.value(`SELECT f('{"a": 1.50}')`), { n: 1 });
    assert.deepEqual(await session.value("SELECT f()"), { n: 1 });
    assert.equal(await session.value("SELECT g()"), "");
    assert.deepEqual(seen, ['{"a": 1.50}', "null", "[]"]);
  });

  await test(
    "a result that is not of the declared type is refused by Postgres",
    async (session, db) => {
      await using _node = await startTestNode(db, () => ({ state: "ok", body: '"many"' }));
      await session.query(CREATE, [createRequest({ returns: "int" })]);
      const { code, message } = await refusal(session.query("SELECT f('x')"));
      assert.deepEqual([code, message], ["22P02", 'invalid input syntax for type integer: "many"']);
    },
  );

  await test("an uncommitted version is sent along once", async (session, db) => {
    const known = new Set<string>();
    const definitions: unknown[] = [];
    await using _node = await startTestNode(db, (header, input) => {
      if (header.def !== undefined) {
        known.add(header.v);
        definitions.push(header.def);
      }
      return known.has(header.v) ? echo(header, input, new AbortController().signal) : {
        state: "unknown_version",
        body: null,
      };
    });
    await session.query("BEGIN");
    await session.query(CREATE, [createRequest({ schema: "public", code: "the\ncode" })]);
    assert.equal(await session.value("SELECT f('one')"), "one");
    assert.equal(await session.value("SELECT f('two')"), "two");
    await session.query("ROLLBACK");
    assert.equal(definitions.length, 1);
    assert.deepEqual(definitions[0], {
      functionId: "1",
      versionId: "1",
      version: 1,
      namespace: "default",
      name: "f",
      language: "javascript",
      parameters: [{ name: "a", type: "text" }],
      returns: "text",
      code: "the\ncode",
      module: { code: "the\ncode", sourceMap: null, style: "main" },
      options: defaultOptions,
    });
  });

  await test("a function's error arrives whole and the session goes on", async (session, db) => {
    await using _node = await startTestNode(db, (_header, input) =>
      input === '["bad"]'
        ? {
          state: "error",
          body: JSON.stringify({
            sqlstate: "P0042",
            message: "it broke",
            hint: "mend it",
            detail: "at line 3",
          }),
        }
        : echo(_header, input, new AbortController().signal));
    await session.query(CREATE, [createRequest()]);
    assert.deepEqual(await refusal(session.query("SELECT f('bad')")), {
      code: "P0042",
      message: "it broke",
      hint: "mend it",
      detail: "at line 3",
      dataType: "orla:",
    });
    assert.equal(await session.value("SELECT f('good')"), "good");
  });

  await test("what the node itself refuses keeps its reason", async (session, db) => {
    await using _node = await startTestNode(db, (header, input, hungUp) => {
      if (input === '["huge"]') throw "too large";
      return echo(header, input, hungUp);
    });
    await session.query(CREATE, [createRequest()]);
    const { code, message } = await refusal(session.query("SELECT f('huge')"));
    assert.deepEqual([code, message], ["54000", "too large"]);
    assert.equal(await session.value("SELECT f('small')"), "small");
  });

  await test("a cancelled call ends at once and hangs up on the node", async (session, db) => {
    const hangUps: Promise<void>[] = [];
    const begun = Promise.withResolvers<void>();
    await using _node = await startTestNode(db, async (header, input, hungUp) => {
      if (input === '["slow"]') {
        begun.resolve();
        const gone = new Promise<void>((resolve) =>
          hungUp.addEventListener("abort", () => resolve())
        );
        hangUps.push(gone);
        await gone;
      }
      return echo(header, input, hungUp);
    });
    await session.query(CREATE, [createRequest()]);
    const pid = await session.value("SELECT pg_backend_pid()");
    const cancelled = refusal(session.query("SELECT f('slow')"));
    await begun.promise;
    await db.admin.query("SELECT pg_cancel_backend($1)", [pid]);
    assert.equal((await cancelled).code, "57014");
    assert.equal(await session.value("SELECT f('next')"), "next");
    await session.query("SET statement_timeout = 50");
    const before = performance.now();
    assert.equal((await refusal(session.query("SELECT f('slow')"))).code, "57014");
    assert.ok(performance.now() - before < 1000);
    await session.query("RESET statement_timeout");
    assert.equal(await session.value("SELECT f('next')"), "next");
    await Promise.all(hangUps);
    assert.equal(hangUps.length, 2);
  });

  await test(
    "a node that is away is said to be, and found again when it is back",
    async (session, db) => {
      const node = await startTestNode(db, echo);
      await session.query(CREATE, [createRequest()]);
      assert.equal(await session.value("SELECT f('a')"), "a");
      await node.close();
      const away = await refusal(session.query("SELECT f('b')"));
      assert.deepEqual([away.code, away.message], [
        "08001",
        "Orla is not reachable from the database",
      ]);
      assert.match(away.detail ?? "", /node one: could not establish connection/);
      await using _back = await startTestNode(db, echo);
      assert.equal(await session.value("SELECT f('c')"), "c");
    },
  );

  await test("a node that dies during the call: 08006, once", async (session, db) => {
    let calls = 0;
    const dying = await startTestNode(db, async () => {
      calls++;
      await dying.close();
      return { state: "ok", body: null };
    });
    await session.query(CREATE, [createRequest()]);
    const { code, message, hint } = await refusal(session.query("SELECT f('a')"));
    assert.deepEqual([code, message, hint], [
      "08006",
      "Orla went away during the call of public.f",
      "The function may or may not have done its work.",
    ]);
    assert.equal(calls, 1);
    await using _back = await startTestNode(db, echo);
    assert.equal(await session.value("SELECT f('c')"), "c");
  });

  await test("a second node takes over; a silent one is not asked", async (session, db) => {
    const first = await startTestNode(db, echo, { nodeId: "one" });
    await using second = await startTestNode(db, echo, { nodeId: "two" });
    await session.query(CREATE, [createRequest()]);
    await db.admin.query(
      "UPDATE edge.nodes SET heartbeat_at = now() + interval '1 s' WHERE node_id = 'one'",
    );
    assert.equal(await session.value("SELECT f('a')"), "a");
    assert.deepEqual([first.connections, second.connections], [1, 0]);
    await first.close();
    assert.equal(await session.value("SELECT f('b')"), "b");
    assert.equal(second.connections, 1);
    await db.admin.query("UPDATE edge.nodes SET heartbeat_at = now() - interval '1 min'");
    const fresh = await db.connect();
    assert.match(
      (await refusal(fresh.query("SELECT f('c')"))).detail ?? "",
      /No node has given a sign of life/,
    );
  });

  await test("a node that does not accept the password is not used", async (session, db) => {
    await using _node = await startTestEndpoint({ password: "other", answer: echo });
    await db.admin.query(
      `INSERT INTO edge.nodes (node_id, region, version, callback_host, callback_port)
       VALUES ('x', 'local', '0', '127.0.0.1', $1)`,
      [_node.port],
    );
    await session.query(CREATE, [createRequest()]);
    const { code, detail } = await refusal(session.query("SELECT f('a')"));
    assert.equal(code, "08001");
    assert.doesNotMatch(detail ?? "", /password=/);
  });

  await test("one session keeps one connection", async (session, db) => {
    await using node = await startTestNode(db, echo);
    await session.query(CREATE, [createRequest({ parameters: "a int", returns: "int" })]);
    assert.equal(
      await session.value("SELECT sum(f(x))::int FROM generate_series(1, 100) x"),
      5050,
    );
    await session.query("DISCARD ALL");
    assert.equal(await session.value("SELECT f(1)"), 1);
    assert.equal(node.connections, 1);
  });

  await test("works in read-only and repeatable-read transactions", async (session, db) => {
    await using _node = await startTestNode(db, echo);
    await session.query(CREATE, [createRequest()]);
    await session.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    assert.equal(await session.value("SELECT f('a')"), "a");
    await session.query("COMMIT");
  });
});
