/** A node whose objects are in an S3-compatible store. */
import assert from "node:assert/strict";
import { startTestS3, type TestS3 } from "../../src/storage/test-s3.ts";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let s3: TestS3;
let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  s3 = await startTestS3();
  const { endpoint, region, accessKeyId, secretAccessKey } = s3.options;
  orla = await startOrlaProcess({
    env: {
      ORLA_S3_ENDPOINT: endpoint.replace(/\/bucket$/, ""),
      ORLA_S3_BUCKET: "bucket",
      ORLA_S3_PREFIX: "our/own/",
      ORLA_S3_REGION: region,
      ORLA_S3_ACCESS_KEY: accessKeyId,
      ORLA_S3_SECRET_KEY: secretAccessKey,
    },
  });
  session = await openSession(orla.sqlUrl);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
  await s3[Symbol.asyncDispose]();
});

const storage = (path: string, init: RequestInit = {}) =>
  fetch(`${orla.http}/storage/v1/${path}`, { ...init, headers: { apikey: orla.serviceKey } });

Deno.test("an upload goes through S3 into its function", async () => {
  await session.rows("CREATE TABLE sums (name text, bytes int, sum bigint)");
  await session.rows(`CREATE EDGE FUNCTION adds LANGUAGE javascript AS $$
    export async function main({ bucket, name }) {
      let bytes = 0, sum = 0;
      for await (const chunk of await storage.open(bucket, name)) {
        bytes += chunk.length;
        for (const byte of chunk) sum += byte;
      }
      const db = await connectToDatabase();
      await db.query("INSERT INTO sums VALUES ($1, $2, $3)", [name, bytes, sum]);
    }
  $$`);
  await session.rows("CREATE TRIGGER adds ON FILE_UPLOAD BUCKET 'b' EXECUTE EDGE FUNCTION adds");
  // More than one part.
  const data = new Uint8Array(9_000_000).fill(3);
  const stored = await storage("b/a/file", { method: "PUT", body: data });
  assert.equal(stored.status, 201);
  await stored.body?.cancel();
  const part = await storage("b/a/file");
  assert.equal((await part.bytes()).length, data.length);
  const deadline = Date.now() + 30_000;
  let rows: unknown[] = [];
  while (rows.length === 0 && Date.now() < deadline) {
    rows = await session.rows("SELECT name, bytes, sum::int FROM sums");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(rows, [{ name: "a/file", bytes: 9_000_000, sum: 27_000_000 }], orla.logs());
  const gone = await storage("b/a/file", { method: "DELETE" });
  assert.equal(gone.status, 204);
});

Deno.test("a store that is away is told as such", async () => {
  await s3[Symbol.asyncDispose]();
  const answer = await storage("b/c", { method: "PUT", body: "x" });
  assert.equal(answer.status, 503);
  assert.equal((await answer.json()).code, "unavailable");
  s3 = await startTestS3();
});
