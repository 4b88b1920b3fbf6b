/** Uploads at their edges: names, lists, the tus protocol's refusals, readers and writers at once. */
import assert from "node:assert/strict";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const storage = (path: string, init: RequestInit = {}) =>
  fetch(`${orla.http}/storage/v1/${path}`, {
    ...init,
    headers: { apikey: orla.serviceKey, ...init.headers },
  });

const put = (path: string, body: BodyInit = "x") => storage(path, { method: "PUT", body });

async function status(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

Deno.test("no trigger waits for a bucket that cannot be", async () => {
  for (const bucket of ["tus", "s3", "a b", ""]) {
    const statement = `CREATE TRIGGER never ON FILE_UPLOAD BUCKET '${bucket}'
      EXECUTE EDGE FUNCTION nothing`;
    const { code, message, position } = await session.failure(statement);
    assert.deepEqual([code, message], ["22023", `"${bucket}" cannot be the name of a bucket`]);
    assert.equal(position, String(statement.indexOf(`'${bucket}'`) + 2));
  }
});

Deno.test("names: any text, in the letters it came in, up to 1024 bytes", async () => {
  const kept = [
    ...["café", "cafe\u0301", ".hidden", "a b+c&d=e?f#g%h", "日本/語.txt", "\u{1f600}", "..."],
    "é".repeat(512),
  ];
  for (const [index, name] of kept.entries()) {
    const path = `names/${name.split("/").map(encodeURIComponent).join("/")}`;
    const response = await put(path, String(index));
    assert.deepEqual([response.status, (await response.json()).name], [201, name]);
  }
  for (const [index, name] of kept.entries()) {
    const response = await storage(`names/${name.split("/").map(encodeURIComponent).join("/")}`);
    assert.equal(await response.text(), String(index), name);
    const file = name.slice(name.lastIndexOf("/") + 1);
    const shown = response.headers.get("content-disposition") ?? "";
    assert.equal(decodeURIComponent(shown.replace("attachment; filename*=UTF-8''", "")), file);
  }
  for (
    const path of [
      ...["names/a/", "names/a//b", "names/a%0Ab", "names/a%7Fb", "names/%00", "names/a%5Cb"],
      ...["names/a%2F..%2Fb", `names/${encodeURIComponent("é".repeat(513))}`],
      ...["bad%20bucket/x", "-b/x", `${"b".repeat(101)}/x`],
    ]
  ) {
    assert.equal(await status(put(path)), 400, path);
  }
});

Deno.test("a condition that would not be looked at is refused, and nothing changes", async () => {
  assert.equal(await status(put("conditions/a", "first")), 201);
  for (
    const [method, header, value] of [
      ["PUT", "if-none-match", "*"],
      ["PUT", "if-match", '"x"'],
      ["PUT", "content-range", "bytes 0-4/10"],
      ["DELETE", "if-match", '"x"'],
      ["DELETE", "if-unmodified-since", "Fri, 01 May 2026 00:00:00 GMT"],
    ] as const
  ) {
    const response = await storage("conditions/a", {
      ...{ method, headers: { [header]: value } },
      ...method === "PUT" ? { body: "second" } : {},
    });
    assert.deepEqual(
      [response.status, (await response.json()).code],
      [400, "not_supported"],
      header,
    );
  }
  assert.equal(await (await storage("conditions/a")).text(), "first");
});

Deno.test("a form that would lose a file, or has none, is refused whole", async () => {
  const send = async (
    ...parts: readonly (readonly [content: string, fileName: string | null])[]
  ) => {
    const form = new FormData();
    for (const [content, fileName] of parts) {
      if (fileName === null) form.append("part", content);
      else form.append("part", new Blob([content]), fileName);
    }
    const response = await storage("forms", { method: "POST", body: form });
    return [response.status, (await response.json()).error];
  };
  assert.deepEqual(await send(["one", "dir/a.txt"], ["two", "other/a.txt"]), [
    400,
    "The form has two files that would be a.txt.",
  ]);
  assert.deepEqual(await send(["text", null]), [400, "The form has no files."]);
  assert.deepEqual(await send(), [400, "The form has no files."]);
  const tooMany = Array.from({ length: 101 }, (_, index) => ["x", `f${index}`] as const);
  assert.deepEqual(await send(...tooMany), [400, "The form has more than 100 files."]);
  assert.deepEqual((await (await storage("forms")).json()).objects, []);
});

Deno.test("a bucket is listed by name, page by page, folders as such; for the service key", async () => {
  for (const name of ["b", "a/2", "a/1", "a", "Z", "é", "c/d/e"]) {
    await put(`listed/${name.split("/").map(encodeURIComponent).join("/")}`);
  }
  const list = async (query = "") => {
    const response = await storage(`listed${query}`);
    const { objects, folders, next } = await response.json();
    return [objects.map(({ name }: { name: string }) => name), folders, next];
  };
  assert.deepEqual(await list(), [["Z", "a", "a/1", "a/2", "b", "c/d/e", "é"], [], null]);
  assert.deepEqual(await list("?delimiter=/"), [["Z", "a", "b", "é"], ["a/", "c/"], null]);
  assert.deepEqual(await list("?prefix=a/&delimiter=/"), [["a/1", "a/2"], [], null]);
  assert.deepEqual(await list("?limit=3"), [["Z", "a", "a/1"], [], "a/2"]);
  assert.deepEqual(await list("?limit=3&from=a%2F2"), [["a/2", "b", "c/d/e"], [], "é"]);
  assert.deepEqual(await list("?limit=3&from=%C3%A9"), [["é"], [], null]);
  assert.deepEqual(await list("?prefix=nothing"), [[], [], null]);
  const { objects } = await (await storage("listed?limit=1")).json();
  assert.deepEqual(Object.keys(objects[0]), [
    ...["bucket", "name", "size", "contentType", "etag", "uploadedAt"],
  ]);
  assert.deepEqual(await (await storage("nobucket")).json(), {
    objects: [],
    folders: [],
    next: null,
  });
  for (
    const query of ["?limit=0", "?limit=1001", "?limit=x", "?delimiter=", "?perfix=a", "?from=%00"]
  ) {
    assert.equal(await status(storage(`listed${query}`)), 400, query);
  }
  const ask = (apikey?: string) =>
    status(fetch(`${orla.http}/storage/v1/listed`, { headers: apikey ? { apikey } : {} }));
  assert.deepEqual([await ask(), await ask(orla.anonKey)], [401, 403]);
});

Deno.test("tus: what the protocol has servers refuse", async () => {
  const metadata = `bucket ${btoa("tus-edges")},name ${btoa("a")}`;
  const send = (method: string, path: string, headers: Record<string, string>, body?: BodyInit) =>
    storage(`tus${path}`, {
      ...{ method, headers: { "tus-resumable": "1.0.0", ...headers } },
      ...body === undefined ? {} : { body },
    });
  const begun = await send("POST", "", { "upload-length": "6", "upload-metadata": metadata });
  const upload = (begun.headers.get("location") ?? "").replace("/storage/v1/tus", "");
  const patch = (offset: string, body: string, headers: Record<string, string> = {}) =>
    send("PATCH", upload, {
      ...{ "upload-offset": offset, "content-type": "application/offset+octet-stream" },
      ...headers,
    }, body);
  const version = await send("POST", "", { "tus-resumable": "0.2.2", "upload-length": "6" });
  assert.deepEqual([version.status, version.headers.get("tus-version")], [412, "1.0.0"]);
  await version.body?.cancel();
  assert.deepEqual([
    await status(storage("tus", { method: "POST", headers: { "upload-length": "6" } })),
    await status(patch("0", "ab", { "content-type": "text/plain" })),
    await status(patch("0", "ab", { "upload-checksum": "sha1 AAAA" })),
    await status(patch("3", "ab")),
    await status(patch("-1", "ab")),
    await status(patch("0", "abcdefg")),
    await status(send("PATCH", "/nothing", {
      ...{ "upload-offset": "0", "content-type": "application/offset+octet-stream" },
    }, "x")),
    await status(send("HEAD", "/..%2f..%2fkeys.json", {})),
  ], [412, 415, 400, 409, 400, 413, 404, 404]);
  const statuses = await Promise.all([0, 1, 2, 3].map(() => status(patch("0", "abc"))));
  assert.equal(statuses.filter((one) => one === 204).length, 1, String(statuses));
  const head = await send("HEAD", upload, {});
  assert.deepEqual([head.headers.get("upload-offset"), head.headers.get("cache-control")], [
    "3",
    "no-store",
  ]);
  assert.equal(await status(storage("tus-edges/a")), 404);
  assert.equal(await status(patch("3", "def")), 204);
  assert.equal(await (await storage("tus-edges/a")).text(), "abcdef");
  const other = await send("POST", "", { "upload-length": "6", "upload-metadata": metadata });
  await other.body?.cancel();
  const given = (other.headers.get("location") ?? "").replace("/storage/v1/tus", "");
  assert.equal(await status(send("DELETE", given, {})), 204);
  assert.equal(await status(send("HEAD", given, {})), 404);
});

Deno.test("an object that is deleted or replaced is read to its end by who began before", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const body = () => ReadableStream.from(Array.from({ length: 200 }, () => bytes));
  for (
    const change of [() => put("moving/a", "new"), () => storage("moving/a", { method: "DELETE" })]
  ) {
    assert.equal(await status(put("moving/a", body())), 201);
    const reading = await storage("moving/a");
    assert.ok([201, 204].includes(await status(change())));
    assert.equal((await reading.bytes()).length, 12_000_000);
  }
});

Deno.test("a function reads an object as fast as it likes, not faster than it can", async () => {
  await session.rows(`
    CREATE TABLE slow (read bigint);
    CREATE EDGE FUNCTION slow_reader MEMORY = 64MB TIMEOUT = 120s LANGUAGE javascript AS $$
      export async function main({ bucket, name }) {
        let read = 0, pieces = 0;
        for await (const piece of await storage.open(bucket, name)) {
          read += piece.length;
          if (++pieces % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 50));
        }
        const db = await connectToDatabase();
        await db.query("INSERT INTO slow VALUES ($1)", [read]);
      }
    $$;
    CREATE TRIGGER slow_reader ON FILE_UPLOAD BUCKET 'slow' EXECUTE EDGE FUNCTION slow_reader`);
  const piece = new Uint8Array(2 ** 20);
  assert.equal(
    await status(put("slow/large", ReadableStream.from(Array.from({ length: 80 }, () => piece)))),
    201,
  );
  await eventually(
    async () => await session.value("SELECT count(*)::int FROM slow") === 1,
    60_000,
    "the function has read it all",
  );
  assert.equal(await session.value("SELECT sum(read)::int FROM slow"), 80 * 2 ** 20);
});
