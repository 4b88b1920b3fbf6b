import assert from "node:assert/strict";
import { silentLogger } from "../base/log.ts";
import { startTestServer, type TestServer } from "../catalog/test-database.ts";
import { MultipartTable } from "./multipart-table.ts";
import { MultipartUploads } from "./multipart-uploads.ts";
import { type TestObjects, withObjects } from "./test-objects.ts";

let server: TestServer;
Deno.test.beforeAll(async () => void (server = await startTestServer()));
Deno.test.afterAll(async () => await server[Symbol.asyncDispose]());

interface Place extends TestObjects {
  readonly uploads: MultipartUploads;
}

function withUploads(work: (place: Place) => Promise<void>): Promise<void> {
  return withObjects(server, async (place) => {
    const { store, pool, objects } = place;
    const table = new MultipartTable(pool);
    place.maxBytes = 20;
    await work({
      ...place,
      uploads: new MultipartUploads({ store, table, objects, log: silentLogger }),
    });
  });
}

const target = {
  bucket: "b",
  name: "n",
  contentType: "text/x-a",
  metadata: { "x-amz-meta-a": "b" },
};

async function begin({ uploads }: Place, parts: Readonly<Record<number, string>>) {
  const uploadId = await uploads.begin(target);
  const upload = { ...target, uploadId };
  for (const [number, text] of Object.entries(parts)) {
    const room = await uploads.roomFor(upload, Number(number));
    await uploads.putPart(upload, Number(number), new Blob([text]).stream(), room);
  }
  return upload;
}

Deno.test("parts become an object in their order, once, and nothing is left of them", () =>
  withUploads(async (place) => {
    const { uploads, objects, recorded, stored } = place;
    const upload = await begin(place, { 3: "three", 1: "one", 2: "two" });
    assert.equal((await stored()).length, 3);
    assert.equal(await objects.find("b", "n"), null);
    const parts = await uploads.parts(upload);
    await Promise.all([1, 2, 3].map(() => uploads.complete(upload, parts, "tag-3")));
    const found = await objects.open("b", "n");
    assert.equal(await new Response(found?.body).text(), "onetwothree");
    const { etag, contentType, metadata } = found?.object ?? {};
    assert.deepEqual({ etag, contentType, metadata }, {
      ...{ etag: "tag-3", contentType: "text/x-a", metadata: target.metadata },
    });
    assert.equal(recorded.length, 1);
    assert.equal((await stored()).length, 1);
    assert.equal(await uploads.find(upload.uploadId, "b", "n"), null);
    assert.ok(await uploads.isComplete(upload.uploadId));
  }));

Deno.test("a part that comes again replaces the other; what is too much is refused", () =>
  withUploads(async (place) => {
    const { uploads, stored } = place;
    const upload = await begin(place, { 1: "0123456789", 2: "abc" });
    await uploads.putPart(upload, 1, new Blob(["9876543210"]).stream(), 20);
    assert.equal((await stored()).length, 2);
    assert.deepEqual(
      (await uploads.parts(upload)).map(({ number, size }) => [number, size]),
      [[1, 10], [2, 3]],
    );
    assert.equal(await uploads.roomFor(upload, 1), 17);
    assert.equal(await uploads.roomFor(upload, 3), 7);
    await assert.rejects(uploads.putPart(upload, 3, new Blob(["x".repeat(8)]).stream(), 7), {
      code: "payload_too_large",
    });
    assert.equal((await stored()).length, 2);
  }));

Deno.test("an upload that was given up takes no part any more, and leaves none", () =>
  withUploads(async (place) => {
    const { uploads, stored } = place;
    const upload = await begin(place, { 1: "one" });
    await uploads.abort(upload);
    assert.equal((await stored()).length, 0);
    assert.equal(await uploads.putPart(upload, 2, new Blob(["two"]).stream(), 20), null);
    assert.equal((await stored()).length, 0);
    assert.equal(await uploads.isComplete(upload.uploadId), false);
  }));

Deno.test("an upload is found by its own id and name alone", () =>
  withUploads(async (place) => {
    const { uploads } = place;
    const { uploadId } = await begin(place, {});
    assert.equal((await uploads.find(uploadId, "b", "n"))?.contentType, "text/x-a");
    for (
      const [id, bucket, name] of [[uploadId, "b", "m"], [uploadId, "c", "n"], ["x", "b", "n"]]
    ) {
      assert.equal(await uploads.find(id ?? "", bucket ?? "", name ?? ""), null);
    }
    await assert.rejects(uploads.begin({ ...target, name: "a//b" }), { code: "invalid_request" });
  }));

const DAYS_MS = 24 * 3_600_000;

Deno.test("parts wait for seven days, and are then removed", () =>
  withUploads(async (place) => {
    const { uploads, objects, pool, stored } = place;
    const upload = await begin(place, { 1: "one", 2: "two" });
    const age = (days: number) =>
      pool.query("UPDATE edge.multipart_uploads SET begun_at = now() - $1 * interval '1 day'", [
        days,
      ]);
    await age(6.9);
    await uploads.sweep();
    assert.equal(await objects.sweep(new Date(Date.now() + 6.9 * DAYS_MS)), 0);
    assert.equal((await uploads.parts(upload)).length, 2);
    await age(7.1);
    await uploads.sweep();
    assert.equal(await objects.sweep(new Date(Date.now() + 7.1 * DAYS_MS)), 2);
    assert.equal((await stored()).length, 0);
    assert.equal(await uploads.find(upload.uploadId, "b", "n"), null);
  }));
