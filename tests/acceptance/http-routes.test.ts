/** Which requests an HTTP trigger answers, and which stay the platform's. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { waitingForLock } from "./lock-wait.ts";
import { rawRequest } from "./raw-request.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE EDGE FUNCTION web LANGUAGE javascript AS $$
      export default async (request) => new Response(request.method + " " + (await request.text()).length);
    $$;
    CREATE EDGE FUNCTION who LANGUAGE javascript AS $$
      export const handler = (req) => ({ status: 200, body: req.params });
    $$`);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const create = (name: string, source: string, func = "who") =>
  session.rows(`CREATE TRIGGER ${name} ON HTTP ${source} EXECUTE EDGE FUNCTION ${func}`);

const ask = (line: string, host = "x") => rawRequest(orla.http, `${line} HTTP/1.1\nhost: ${host}`);

async function status(path: string, init: RequestInit = {}): Promise<number> {
  const { status, body } = await fetch(`${orla.http}${path}`, init);
  await body?.cancel();
  return status;
}

Deno.test("a trigger for every path takes none of the platform's", async () => {
  await create("greedy", "ANY '/*rest'");
  const key = { apikey: orla.serviceKey };
  const put = { method: "PUT", body: "x", headers: key };
  assert.deepEqual([
    await status("/healthz"),
    await status("/metrics"),
    await status("/api/v1/openapi.json"),
    await status("/api/v1/hooks/none", { method: "POST", body: "{}", headers: key }),
    await status("/storage/v1/b/o", put),
    await status("/storage/v1/b/o"),
    await status("/invoke/web", { method: "POST", headers: key }),
    await status("/functions/v1/web", { headers: key }),
    await status("/%68ealthz/x"),
  ], [200, 200, 200, 200, 201, 401, 200, 200, 404]);
  assert.deepEqual(JSON.parse((await ask("DELETE /api/v2/x")).text), { rest: "api/v2/x" });
  const encoded = await session.failure(
    "CREATE TRIGGER x ON HTTP GET '/%61pi/v1/x' EXECUTE EDGE FUNCTION who",
  );
  assert.equal(encoded.message, "paths below /api/v1 are the platform's own");
  await session.rows("DROP TRIGGER greedy");
});

Deno.test("the statements of the platform's introduction, as they are written there", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION validate_user LANGUAGE javascript AS $$
      export const main = (user) => ({ valid: user.email.includes("@") });
    $$;
    CREATE EDGE FUNCTION secure_function LANGUAGE javascript AS $$
      export const handler = () => ({ status: 200, body: "in" });
    $$;
    CREATE TABLE files (name text);
    CREATE EDGE FUNCTION process_file LANGUAGE javascript AS $$
      export const main = async ({ name }) =>
        await (await connectToDatabase()).query("INSERT INTO files VALUES ($1)", [name]);
    $$`);
  await session.rows(`--- Create HTTP endpoint
CREATE TRIGGER http_validate_user
ON HTTP POST '/api/validate'
EXECUTE EDGE FUNCTION validate_user;
--- With authentication
CREATE TRIGGER http_secure_endpoint
ON HTTP POST '/api/secure'
WITH AUTH = 'bearer_token'
EXECUTE EDGE FUNCTION secure_function;
--- On file upload
CREATE TRIGGER process_upload
ON FILE_UPLOAD BUCKET 'user-uploads'
EXECUTE EDGE FUNCTION process_file;`);
  const post = (path: string, headers: HeadersInit = {}) =>
    fetch(`${orla.http}${path}`, { method: "POST", body: '{"email":"a@b"}', headers });
  assert.deepEqual(await (await post("/api/validate")).json(), { valid: true });
  const secure = await post("/api/secure", { authorization: `Bearer ${orla.anonKey}` });
  assert.equal(await secure.text(), "in");
  const denied = await post("/api/secure");
  await denied.body?.cancel();
  assert.equal(denied.status, 401);
  const put = { method: "PUT", body: "x", headers: { apikey: orla.serviceKey } };
  assert.equal(await status("/storage/v1/user-uploads/me.png", put), 201);
  await eventually(
    async () => await session.value("SELECT count(*)::int FROM files") === 1,
    10_000,
    "the function is told of the upload",
  );
  assert.deepEqual(await session.rows("TABLE files"), [{ name: "me.png" }]);
});

Deno.test("paths as they come: escapes, slashes, dots, and letters in two spellings", async () => {
  await create("one", "GET '/p/:id'");
  await create("colon", "GET '/p/%3A'", "web");
  await create("slash", "GET '/p/a%2Fb'", "web");
  await create("two", "GET '/p/a/b'", "web");
  await create("cafe", "GET '/Caf%C3%A9'", "web");
  const params = async (path: string) => (await ask(`GET ${path}`)).text;
  assert.deepEqual([
    await params("/p/x%2Fy"),
    await params("/p/%00"),
    await params("/p/:"),
    await params("/p/a%2fb"),
    await params("/p/a/b"),
    await params("/q/../p/dots"),
    await params("/Caf%C3%A9"),
  ], [
    '{"id":"x/y"}',
    '{"id":"\\u0000"}',
    "GET 0",
    "GET 0",
    "GET 0",
    '{"id":"dots"}',
    "GET 0",
  ]);
  const statuses = async (...paths: string[]) =>
    await Promise.all(paths.map(async (path) => (await ask(`GET ${path}`)).status));
  assert.deepEqual(
    await statuses(
      ...["/p/%FF", "/p/", "/p//a", "//p/a", "/P/a", "/p/%E0%A4%A", "/Cafe%CC%81"],
      ...[`/p/${"a".repeat(16_000)}`, `/p/${"a".repeat(17_000)}`],
    ),
    [404, 404, 404, 404, 404, 404, 404, 200, 414],
  );
  for (
    const [path, message] of [
      ["/%FF", /spell no text/],
      ["/a/%2e%2e", /no \. and \.\. segments/],
      ["/a/", /no slash at its end/],
    ] as const
  ) {
    const refused = await session.failure(
      `CREATE TRIGGER x ON HTTP GET '${path}' EXECUTE EDGE FUNCTION web`,
    );
    assert.deepEqual([refused.code, message.test(refused.message)], ["22023", true], path);
  }
});

Deno.test("methods: HEAD is answered by GET, ANY by all; what is not there is told", async () => {
  await create("m_get", "GET '/m'", "web");
  await create("m_post", "POST '/m'", "web");
  await create("m_any", "ANY '/any'", "web");
  const told = async (line: string) => {
    const { status, headers } = await ask(line);
    return [status, headers.get("allow")];
  };
  assert.deepEqual([
    await told("HEAD /m"),
    await told("OPTIONS /m"),
    await told("get /m"),
    await told("patch /m"),
    await told("PURGE /any"),
    await told("OPTIONS /any"),
    await told("TRACE /any"),
  ], [
    [200, null],
    [405, "GET, HEAD, POST"],
    // Methods are told apart by letter case (RFC 9110, section 9.1).
    [405, "GET, HEAD, POST"],
    [405, "GET, HEAD, POST"],
    [200, null],
    [200, null],
    [405, null],
  ]);
  assert.equal((await ask("HEAD /m")).text, "");
});

Deno.test("hosts: the name itself, then the longest wildcard, then none; changed live", async () => {
  await create("h_none", "GET '/h'", "web");
  await create("h_exact", "GET '/h/:exact' HOST 'Shop.Example.ORG.'");
  await create("h_wild", "GET '/h/:wild' HOST '*.example.org'");
  await create("h_idn", "GET '/h/:idn' HOST 'bücher.example'");
  const matched = async (host: string) => (await ask("GET /h/1", host)).text;
  assert.deepEqual([
    await matched("shop.example.org"),
    await matched("SHOP.example.org.:8000"),
    await matched("a.b.example.org"),
    await matched("xn--bcher-kva.example"),
  ], ['{"exact":"1"}', '{"exact":"1"}', '{"wild":"1"}', '{"idn":"1"}']);
  assert.deepEqual([
    (await ask("GET /h/1", "example.org")).status,
    (await ask("GET /h/1", "[::1]:80")).status,
    (await ask("GET /h", "a.example.org")).status,
  ], [404, 404, 200]);
  assert.deepEqual(
    await session.rows(
      "SELECT source FROM system.edge_triggers WHERE name = 'h_idn'",
    ),
    [{ source: "GET xn--bcher-kva.example/h/:idn" }],
  );
  await session.rows("ALTER TRIGGER h_wild SET HOST = 'other.example.net'");
  assert.equal(await matched("other.example.net"), '{"wild":"1"}');
  assert.equal((await ask("GET /h/1", "a.b.example.org")).status, 404);
  for (const change of ["HOST = 'shop.example.org'", "HOST = 'SHOP.example.org.'"]) {
    const taken = await session.failure(`ALTER TRIGGER h_wild SET ${change}`);
    assert.deepEqual([taken.code, taken.message], [
      "42710",
      "trigger h_exact answers GET shop.example.org/h/:exact already",
    ]);
  }
  await session.rows("ALTER TRIGGER h_wild SET HOST = NULL");
  assert.equal(await matched("anything.example"), '{"wild":"1"}');
  const wrong = await session.failure("ALTER TRIGGER h_wild SET HOST = 'shop.example.org:80'");
  assert.equal(wrong.message, '"shop.example.org:80" is no host');
});

Deno.test("two transactions that make the same route: the second is told the first's name", async () => {
  const other = await openSession(orla.sqlUrl);
  try {
    for (const [end, code] of [["COMMIT", "42710"], ["ROLLBACK", null]] as const) {
      await session.rows("BEGIN");
      // Of another function: triggers of one wait for each other anyhow.
      await create(`early_${end}`, `GET '/same/${end}/:a'`, "web");
      const late = other.rows(
        `CREATE TRIGGER late_${end} ON HTTP GET '/same/${end}/:b' EXECUTE EDGE FUNCTION who`,
      ).then(() => null, (error) => error);
      await waitingForLock(orla.databaseUrl);
      // Nobody sees it before it is there.
      assert.equal((await ask(`GET /same/${end}/1`)).status, 404);
      await session.rows(end);
      const error = await late;
      assert.equal(error?.code ?? null, code);
      if (code !== null) {
        assert.equal(
          error.message,
          `trigger early_${end.toLowerCase()} answers GET /same/${end}/:a already`,
        );
      }
      const answer = code === null ? '{"b":"1"}' : "GET 0";
      assert.equal((await ask(`GET /same/${end}/1`)).text, answer);
    }
  } finally {
    await other.close();
  }
});

Deno.test("bodies stream both ways, events arrive one by one, WebSockets open", async () => {
  await session.rows(`CREATE EDGE FUNCTION live LANGUAGE javascript AS $$
    export default (request) => {
      if (request.headers.get("upgrade") === "websocket") {
        const { socket, response } = Deno.upgradeWebSocket(request);
        socket.onmessage = ({ data }) => socket.send("echo " + data);
        return response;
      }
      if (request.method === "POST") return new Response(request.body);
      const events = ReadableStream.from((async function* () {
        yield "data: 1\\n\\n";
        await new Promise(() => {});
      })()).pipeThrough(new TextEncoderStream());
      return new Response(events, { headers: { "content-type": "text/event-stream" } });
    };
  $$`);
  await create("live", "ANY '/live/:room'", "live");
  const sent = crypto.getRandomValues(new Uint8Array(60_000));
  const pieces = Array.from({ length: 50 }, () => sent);
  const echoed = await fetch(`${orla.http}/live/a`, {
    method: "POST",
    body: ReadableStream.from(pieces),
  });
  assert.equal((await echoed.bytes()).length, 3_000_000);
  const events = await fetch(`${orla.http}/live/a`);
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader?.read())?.value, "data: 1\n\n");
  await reader?.cancel();
  const socket = new WebSocket(`${orla.http.replace("http", "ws")}/live/a`);
  const heard = await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send("hi");
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = reject;
  });
  assert.equal(heard, "echo hi");
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
});

Deno.test("a function that fails, is switched off or goes, and a caller that goes", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION moody LANGUAGE javascript AS $$
      export default async (request) => {
        if (request.url.endsWith("wait")) await new Promise(() => setInterval(() => {}, 1000));
        throw new Error("not today");
      };
    $$`);
  await create("moody", "GET '/moody/:how'", "moody");
  assert.equal(await status("/moody/now"), 500);
  const leaving = new AbortController();
  const left = fetch(`${orla.http}/moody/wait`, { signal: leaving.signal }).catch(() => "left");
  await eventually(
    async () =>
      await session.value(`SELECT count(*)::int FROM system.edge_function_executions
        WHERE function_id = 'moody' AND status = 'running'`) === 1,
    10_000,
    "the call is seen running",
  );
  leaving.abort();
  assert.equal(await left, "left");
  const recorded = () =>
    session.rows(`SELECT status, trigger_name FROM system.edge_function_executions
      WHERE function_id = 'moody' AND status <> 'running' ORDER BY started_at`);
  await eventually(
    async () => (await recorded()).length === 2,
    10_000,
    "both executions are recorded",
  );
  assert.deepEqual((await recorded()).map(({ status, trigger_name }) => [status, trigger_name]), [
    ["failed", "moody"],
    ["cancelled", "moody"],
  ]);
  await session.rows("ALTER EDGE FUNCTION moody SET ENABLED = false");
  assert.equal(await status("/moody/now"), 403);
  assert.equal((await session.failure("DROP EDGE FUNCTION moody")).code, "2BP01");
  await session.rows("DROP EDGE FUNCTION moody CASCADE");
  assert.equal(await status("/moody/now"), 404);
});
