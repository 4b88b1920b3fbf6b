import assert from "node:assert/strict";
import { startTestServer, type TestServer } from "../catalog/test-database.ts";
import { type TestObjects, withObjects as withTestObjects } from "./test-objects.ts";

let server: TestServer;
Deno.test.beforeAll(async () => void (server = await startTestServer()));
Deno.test.afterAll(async () => await server[Symbol.asyncDispose]());

const withObjects = (work: (place: TestObjects) => Promise<void>) => withTestObjects(server, work);

const upload = (name: string, text: string) => ({
  bucket: "b",
  name,
  contentType: "text/plain",
  body: new Blob([text]).stream(),
});

const DAYS_MS = 24 * 3_600_000;
const later = () => new Date(Date.now() + 3 * DAYS_MS);

Deno.test("without its events there is no object; the sweep removes what is left of it", () =>
  withObjects(async (place) => {
    await place.objects.put(upload("kept", "one"));
    place.fail = true;
    await assert.rejects(place.objects.put(upload("kept", "two")), { code: "unavailable" });
    await assert.rejects(place.objects.put(upload("new", "x")), { code: "unavailable" });
    assert.equal(await place.objects.find("b", "new"), null);
    const kept = await place.objects.open("b", "kept");
    assert.equal(await new Response(kept?.body).text(), "one");
    assert.equal((await place.stored()).length, 3);
    assert.equal(await place.objects.sweep(), 0);
    await place.store.put("b/not-ours", new Blob([""]).stream());
    assert.equal(await place.objects.sweep(later()), 2);
    assert.deepEqual(
      (await place.stored()).sort(),
      [
        ...[`b/${kept?.object.uploadId}`, "b/not-ours"],
      ].sort(),
    );
    assert.equal(place.recorded.length, 1);
  }));

Deno.test("several become visible together, or none", () =>
  withObjects(async ({ objects, stored, recorded }) => {
    const good = [upload("a", "1"), upload("c", "3"), upload("b", "2")];
    assert.equal((await objects.putAll(good)).length, 3);
    const bad = [upload("d", "4"), upload("e", "x".repeat(1001))];
    await assert.rejects(objects.putAll(bad), { code: "payload_too_large" });
    assert.equal((await stored()).length, 3);
    assert.deepEqual(recorded.map(({ name }) => name), ["a", "b", "c"]);
  }));

Deno.test("a limit that became smaller during the upload holds", () =>
  withObjects(async (place) => {
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(500));
        place.maxBytes = 499;
        controller.close();
      },
    }, { highWaterMark: 0 });
    await assert.rejects(place.objects.put({ ...upload("a", ""), body }), {
      code: "payload_too_large",
    });
    assert.deepEqual(await place.stored(), []);
  }));

Deno.test("an upload that is finished many times at once becomes an object once", () =>
  withObjects(async ({ objects, recorded }) => {
    const id = crypto.randomUUID();
    const finish = () =>
      objects.finish(id, upload("a", ""), () => Promise.resolve(new Blob(["text"]).stream()));
    await Promise.all(Array.from({ length: 5 }, finish));
    await finish();
    assert.deepEqual(recorded.map(({ uploadId, size }) => [uploadId, size]), [[id, 4]]);
    const found = await objects.open("b", "a");
    assert.equal(await new Response(found?.body).text(), "text");
  }));

Deno.test("many uploads of one name at once leave one, whole", () =>
  withObjects(async ({ objects, stored, recorded }) => {
    const texts = Array.from({ length: 8 }, (_, n) => String(n).repeat(n + 1));
    await Promise.all(texts.map((text) => objects.put(upload("a", text))));
    const found = await objects.open("b", "a");
    const text = await new Response(found?.body).text();
    assert.ok(texts.includes(text) && text.length === found?.object.size);
    assert.deepEqual(await stored(), [`b/${found?.object.uploadId}`]);
    assert.equal(recorded.length, 8);
  }));
