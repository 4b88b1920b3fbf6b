/** What a function learns of the trigger behind its call, in JavaScript and in Python alike. */
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { eventually } from "../processes.ts";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const JWT_SECRET = "a secret of more than thirty-two bytes";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess({ env: { ORLA_JWT_SECRET: JWT_SECRET } });
  session = await openSession(orla.sqlUrl);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const languages = {
  javascript: {
    context: `export async function main(payload) {
      const { execution_id, ...context } = getExecutionContext();
      const db = await connectToDatabase();
      await db.query("INSERT INTO seen (execution_id, context) VALUES ($1, $2)", [execution_id, context]);
      if (payload.failing && context.attempt < 3) throw new Error("again");
    }`,
    request: `export const handler = (req, client, service, utils) => ({
      status: 200, body: { params: req.params, user: [req.user_id, req.user_email], context: utils.getExecutionContext() },
    })`,
    update: `export const main = (id, status) => [id, status]`,
    single: `export const main = (id) => id + 1`,
    payload: `exports.handler = (payload) => payload`,
  },
  python: {
    context: `
def main(payload):
    context = dict(get_execution_context())
    db = connect_to_database()
    db.query("INSERT INTO seen (execution_id, context) VALUES (%s, %s)", (context.pop("execution_id"), context))
    if payload.get("failing") and context["attempt"] < 3:
        raise ValueError("again")
`,
    request: `
def handler(req, client, service, utils):
    return {"status": 200, "body": {"params": req.params, "user": [req.user_id, req.user_email], "context": utils.get_execution_context()}}
`,
    update: `
def main(id, status):
    return [id, status]
`,
    single: `
def main(id):
    return id + 1
`,
    payload: `
def handler(payload, sdk):
    return payload
`,
  },
};

Deno.test("a web handler gets the path's parameters with its context", async () => {
  await session.rows(`
    CREATE EDGE FUNCTION shop_page LANGUAGE typescript AS $$
      export default { fetch: (_request: Request, _env: unknown, ctx) => Response.json(ctx.params) };
    $$;
    CREATE TRIGGER shop_page ON HTTP GET '/shops/:shop' EXECUTE EDGE FUNCTION shop_page`);
  assert.deepEqual(await (await fetch(`${orla.http}/shops/7?q=1`)).json(), { shop: "7" });
});

for (const [language, code] of Object.entries(languages)) {
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${orla.http}/${language}${path}`, init);
    return await response.json();
  };

  Deno.test(`${language}: a job tells its trigger, its event and its attempt`, async () => {
    await session.rows(`
      CREATE TABLE IF NOT EXISTS seen (execution_id uuid, context jsonb);
      TRUNCATE seen;
      CREATE EDGE FUNCTION ${language}_context LANGUAGE ${language} AS $code$${code.context}$code$;
      CREATE TRIGGER ${language}_jobs ON QUEUE '${language}' RETRY_DELAY 20ms
        EXECUTE EDGE FUNCTION ${language}_context`);
    const jobId = await session.value(
      `SELECT edge.enqueue('${language}', '{"failing": true}')::text`,
    );
    const count = async (sql: string) => (await session.rows(sql)).length;
    await eventually(async () => await count("SELECT FROM seen") === 3, 30_000, "three attempts");
    const seen = await session.rows("SELECT * FROM seen ORDER BY context -> 'attempt'");
    assert.deepEqual(
      seen.map(({ context }) => context),
      [1, 2, 3].map((attempt) => ({
        function_name: `${language}_context`,
        namespace: "default",
        version: 1,
        trigger_name: `${language}_jobs`,
        event_id: jobId,
        attempt,
        user: null,
      })),
    );
    await eventually(
      async () =>
        await count(`SELECT FROM system.edge_function_executions e JOIN seen USING (execution_id)
          WHERE e.event_id = '${jobId}'`) === 3,
      30_000,
      "their executions",
    );
  });

  Deno.test(`${language}: a request tells its path and who sent it`, async () => {
    await session.rows(`
      CREATE EDGE FUNCTION ${language}_request LANGUAGE ${language} AS $code$${code.request}$code$;
      CREATE TRIGGER ${language}_request ON HTTP GET '/${language}/orders/:id/*rest'
        WITH AUTH = 'jwt' EXECUTE EDGE FUNCTION ${language}_request`);
    const token = await new SignJWT({ email: "ada@example.org", role: "clerk" })
      .setProtectedHeader({ alg: "HS256" }).setSubject("u1").setExpirationTime("1h")
      .sign(new TextEncoder().encode(JWT_SECRET));
    const { params, user, context } = await call("/orders/17/a/b?id=1&q=x", {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.deepEqual(params, { id: "17", rest: "a/b", q: "x" });
    assert.deepEqual(user, ["u1", "ada@example.org"]);
    assert.deepEqual(
      [context.trigger_name, context.event_id, context.attempt, context.user],
      [`${language}_request`, null, null, { id: "u1", email: "ada@example.org", role: "clerk" }],
    );
  });

  Deno.test(`${language}: declared parameters are filled from the path, then from the body`, async () => {
    await session.rows(`
      CREATE EDGE FUNCTION ${language}_update(id int, status jsonb) RETURNS jsonb
        LANGUAGE ${language} AS $code$${code.update}$code$;
      CREATE EDGE FUNCTION ${language}_single(id int) RETURNS jsonb
        LANGUAGE ${language} AS $code$${code.single}$code$;
      CREATE EDGE FUNCTION ${language}_payload LANGUAGE ${language} AS $code$${code.payload}$code$;
      CREATE TRIGGER ${language}_update ON HTTP POST '/${language}/orders/:id'
        EXECUTE EDGE FUNCTION ${language}_update;
      CREATE TRIGGER ${language}_single ON HTTP GET '/${language}/of/:who/:id'
        EXECUTE EDGE FUNCTION ${language}_single;
      CREATE TRIGGER ${language}_payload ON HTTP ANY '/${language}/payload/:id'
        EXECUTE EDGE FUNCTION ${language}_payload`);
    const post = (body: string) => call("/orders/7", { method: "POST", body });
    assert.deepEqual(await post('{"status": "paid"}'), [7, "paid"]);
    assert.deepEqual(await post('{"status": "paid", "id": 9}'), [7, "paid"]);
    assert.deepEqual(await post('{"state": "paid"}'), [7, { state: "paid" }]);
    assert.deepEqual(await post('["paid", 1]'), [7, ["paid", 1]]);
    assert.deepEqual(await post('"paid"'), [7, "paid"]);
    assert.deepEqual(await post(""), [7, null]);
    assert.equal(await call("/of/ada/41?utm=1"), 42);
    assert.deepEqual(await call("/payload/7?q=1"), { id: "7", q: "1" });
    assert.deepEqual(await call("/payload/7", { method: "POST", body: '{"id": 9}' }), { id: 9 });
  });
}
