/** Uploads: objects over HTTP, and the functions that are told of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await session.rows("CREATE TABLE seen (who text, event jsonb, content text)");
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
});

/** Polls, since what is awaited happens in another process. */
async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)}\n${orla.logs()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const PNG = Uint8Array.fromHex(
  "89504e470d0a1a0a0000000d4948445200000001000000010806000000" +
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082",
);

interface Sent extends RequestInit {
  readonly key?: string | null;
}

/** Below `/storage/v1/`, with the service key. */
function storage(path: string, { key = orla.serviceKey, ...init }: Sent = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key !== null) headers.set("apikey", key);
  return fetch(path.startsWith("http") ? path : `${orla.http}/storage/v1/${path}`, {
    ...init,
    headers,
  });
}

const put = (path: string, body: BodyInit, headers: HeadersInit = {}) =>
  storage(path, { method: "PUT", body, headers });

async function json(response: Response): Promise<Record<string, unknown>> {
  return await response.json();
}

async function status(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

/** Writes the events it gets into `seen`, with what it reads of the object. */
async function watch(name: string, bucket: string, options = ""): Promise<void> {
  await session.rows(`CREATE EDGE FUNCTION ${name} LANGUAGE javascript AS $$
    export async function main(event) {
      const text = event.size < 1000
        ? await new Response(await storage.open(event.bucket, event.name)).text()
        : null;
      const db = await connectToDatabase();
      await db.query("INSERT INTO seen VALUES ('${name}', $1, $2)",
        [JSON.stringify(event), text?.replaceAll("\\0", "")]);
    }
  $$`);
  await session.rows(
    `CREATE TRIGGER ${name} ON FILE_UPLOAD BUCKET '${bucket}' ${options} EXECUTE EDGE FUNCTION ${name}`,
  );
}

const seenBy = (who: string) =>
  session.rows("SELECT event, content FROM seen WHERE who = $1 ORDER BY event ->> 'uploadedAt'", [
    who,
  ]) as Promise<{ event: Record<string, unknown>; content: string | null }[]>;

const part = (fileName: string) =>
  `--b\r\ncontent-disposition: form-data; name="f"; filename="${fileName}"\r\n\r\n`;

const filesIn = async (folder: string) => {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(join(orla.dataDir, "storage", folder))) {
    found.push(name);
  }
  return found;
};

Deno.test("an upload is stored, and its function reads it", async () => {
  await watch("reads", "letters");
  const response = await put("letters/2026/may%20day.txt", "Dear Ada", {
    "content-type": "text/plain",
  });
  assert.equal(response.status, 201);
  const object = await json(response);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("Dear Ada"));
  assert.equal(object["etag"], new Uint8Array(hash).toHex());
  assert.deepEqual([object["name"], object["size"], object["contentType"]], [
    "2026/may day.txt",
    8,
    "text/plain",
  ]);
  const [seen] = await until(() => seenBy("reads"), ({ length }) => length === 1);
  const { id, ...event } = seen?.event ?? {};
  assert.deepEqual(event, { event: "upload", trigger: "reads", ...object });
  assert.match(String(id), /^letters\/2026\/may day\.txt\/[0-9a-f-]{36}$/);
  assert.equal(seen?.content, "Dear Ada");
  const [execution] = await until(
    () =>
      session.rows(
        "SELECT trigger, trigger_name, event_id FROM system.edge_function_executions WHERE function_id = 'reads'",
      ),
    ({ length }) => length === 1,
  );
  assert.deepEqual(execution, { trigger: "upload", trigger_name: "reads", event_id: id });
});

Deno.test("what is downloaded is an attachment; ranges, tags and HEAD", async () => {
  await put("pages/evil.html", "<script>alert(1)</script>", { "content-type": "text/html" });
  const whole = await storage("pages/evil.html");
  assert.equal(await whole.text(), "<script>alert(1)</script>");
  assert.deepEqual(
    ["content-disposition", "x-content-type-options", "content-security-policy"].map((name) =>
      whole.headers.get(name)
    ),
    ["attachment; filename*=UTF-8''evil.html", "nosniff", "default-src 'none'; sandbox"],
  );
  const etag = whole.headers.get("etag") ?? "";
  const part = async (range: string, more: HeadersInit = {}) => {
    const response = await storage("pages/evil.html", { headers: { range, ...more } });
    return [response.status, await response.text(), response.headers.get("content-range")];
  };
  assert.deepEqual(await part("bytes=1-6"), [206, "script", "bytes 1-6/25"]);
  assert.deepEqual(await part("bytes=0-0"), [206, "<", "bytes 0-0/25"]);
  assert.deepEqual(await part("bytes=-9"), [206, "</script>", "bytes 16-24/25"]);
  assert.deepEqual(await part("bytes=16-"), [206, "</script>", "bytes 16-24/25"]);
  assert.deepEqual(await part("bytes=25-"), [416, "", "bytes */25"]);
  assert.equal((await part("bytes=1-6", { "if-range": '"other"' }))[0], 200);
  assert.equal((await part("bytes=1-6", { "if-range": etag }))[0], 206);
  assert.equal(
    await status(storage("pages/evil.html", { headers: { "if-none-match": etag } })),
    304,
  );
  const head = await storage("pages/evil.html", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [
    200,
    "25",
    "",
  ]);
  assert.equal(await status(storage("pages/evil.html", { method: "DELETE" })), 204);
  for (const method of ["GET", "HEAD", "DELETE"]) {
    assert.equal(await status(storage("pages/evil.html", { method })), 404);
  }
});

Deno.test("a replaced object is whole, and what it had is removed", async () => {
  await put("replaced/a", "one");
  await put("replaced/a", "two");
  assert.equal(await (await storage("replaced/a")).text(), "two");
  const files = await until(() => filesIn("objects/replaced"), ({ length }) => length === 1);
  assert.equal(files.length, 1);
});

Deno.test("patterns choose among the triggers of a bucket; the type is what the bytes say", async () => {
  await watch("pictures", "album", "PATTERN '*.png'");
  await watch("inbox", "album", "PATTERN 'inbox/**'");
  assert.equal(
    (await json(await put("album/inbox/new.png", PNG, { "content-type": "text/html" })))[
      "contentType"
    ],
    "image/png",
  );
  await put("album/other/text.txt", "x");
  await put("album/inbox/text.txt", "x");
  const names = async (who: string) => (await seenBy(who)).map(({ event }) => event["name"]);
  assert.deepEqual(await until(() => names("inbox"), ({ length }) => length === 2), [
    "inbox/new.png",
    "inbox/text.txt",
  ]);
  assert.deepEqual(await until(() => names("pictures"), ({ length }) => length === 1), [
    "inbox/new.png",
  ]);
});

Deno.test("too much is refused, announced or not, and nothing of it stays", async () => {
  await watch("small", "small", "MAX_SIZE 100KB");
  await watch("large", "small", "MAX_SIZE 5MB");
  const chunk = new Uint8Array(30_000);
  const stream = () => ReadableStream.from([chunk, chunk, chunk, chunk]);
  assert.equal(await status(put("small/announced", new Uint8Array(102_401))), 413);
  assert.equal(await status(put("small/streamed", stream())), 413);
  const form = new FormData();
  form.append("file", new Blob(["fine"]), "fine.txt");
  form.append("file", new Blob([new Uint8Array(102_401)]), "big.bin");
  assert.equal(await status(storage("small", { method: "POST", body: form })), 413);
  assert.equal(await status(storage("small/fine.txt")), 404);
  assert.deepEqual(await filesIn("incoming"), []);
  const there = await filesIn("objects").then((buckets) =>
    buckets.includes("small") ? filesIn("objects/small") : []
  );
  assert.deepEqual(there, []);
  assert.equal(await status(put("small/fits", new Uint8Array(102_400))), 201);
  await session.rows("DISABLE TRIGGER small");
  assert.equal(await status(put("small/announced", new Uint8Array(102_401))), 201);
  await until(() => seenBy("large"), ({ length }) => length === 2);
  assert.equal((await seenBy("small")).length, 1);
});

Deno.test("the files of a form become objects, together", async () => {
  await watch("forms", "forms");
  const form = new FormData();
  form.append("a", new Blob(["alpha"], { type: "text/plain" }), "a.txt");
  form.append("note", "no file");
  form.append("b", new Blob([PNG]), "b.png");
  const response = await storage("forms?prefix=in/", { method: "POST", body: form });
  assert.equal(response.status, 201);
  const { objects } = await json(response) as { objects: Record<string, unknown>[] };
  assert.deepEqual(objects.map(({ name, contentType }) => [name, contentType]), [
    ["in/a.txt", "text/plain"],
    ["in/b.png", "image/png"],
  ]);
  await until(() => seenBy("forms"), ({ length }) => length === 2);
  assert.equal(await (await storage("forms/in/a.txt")).text(), "alpha");
  const broken = [
    ["text/plain", "x"],
    ["multipart/form-data", "x"],
    ["multipart/form-data; boundary=b", "no parts"],
    ["multipart/form-data; boundary=b", `${part("cut.txt")}cut off`],
    ["multipart/form-data; boundary=b", `${part("cut.txt")}cut off\r\n--b`],
    ["multipart/form-data; boundary=b", `${part("a/..")}x\r\n--b--\r\n`],
    ["multipart/form-data; boundary=b", `${part("")}x\r\n--b--\r\n`],
  ] as const;
  for (const [type, body] of broken) {
    const answer = storage("forms", { method: "POST", body, headers: { "content-type": type } });
    assert.equal(await status(answer), 400, body);
  }
  assert.equal(await status(storage("forms/cut.txt")), 404);
});

Deno.test("who has no key needs a signed URL: for one method, object and time", async () => {
  const sign = async (body: unknown) => {
    const response = await fetch(`${orla.http}/api/v1/storage/signed/sign`, {
      method: "POST",
      headers: { apikey: orla.serviceKey },
      body: JSON.stringify(body),
    });
    return await json(response);
  };
  const upload = String((await sign({ object: "a b/c.txt", method: "PUT" }))["url"]);
  assert.equal(
    await status(storage(upload, { method: "PUT", body: "signed", key: null })),
    201,
  );
  const { url, expires_at } = await sign({ object: "a b/c.txt", expires_in: 60 });
  assert.ok(Math.abs(Date.parse(String(expires_at)) - Date.now() - 60_000) < 5_000);
  const download = await storage(String(url), { key: null });
  assert.equal(await download.text(), "signed");
  assert.equal(await status(storage(String(url), { method: "HEAD", key: null })), 200);
  for (
    const [method, other] of [
      ["PUT", url],
      ["DELETE", url],
      ["GET", upload],
      ["GET", String(url).replace("c.txt", "d.txt")],
      ["GET", String(url).replace(/expires=\d/, "expires=9")],
      ["GET", `${url}AA`],
    ] as const
  ) {
    assert.equal(await status(storage(String(other), { method, key: null })), 403, method);
  }
  assert.equal(await status(storage("signed/a%20b/c.txt", { key: null })), 401);
  assert.equal(await status(storage("signed/a%20b/c.txt", { key: orla.anonKey })), 403);
});

Deno.test("names that would leave the bucket are refused", async () => {
  for (const path of ["b/..%2fx", "b/a%00b", "b/%2e%2e%2fx", "b/a%5cb", "b/%2Fetc", "b%2F../x"]) {
    const answer = await status(put(path, "x"));
    assert.ok(answer === 400 || answer === 404, `${path}: ${answer}`);
  }
  assert.equal(await status(put(`b/${"n".repeat(1025)}`, "x")), 400);
});

Deno.test("Python reads what was uploaded, in pieces", async () => {
  await session.rows(`CREATE EDGE FUNCTION py_reads LANGUAGE python AS $$
def main(event):
    bucket, name = event["bucket"], event["name"]
    size = storage.head(bucket, name)["size"]
    total = offset = 0
    while piece := storage.read(bucket, name, offset, 300000):
        offset += len(piece)
        total += sum(piece)
    connect_to_database().query("INSERT INTO seen VALUES ('py', %s, %s)", [
        {"size": size, "read": offset, "missing": storage.read(bucket, "none")}, str(total)])
  $$`);
  await session.rows(
    "CREATE TRIGGER py_reads ON FILE_UPLOAD BUCKET 'snakes' EXECUTE EDGE FUNCTION py_reads",
  );
  await put("snakes/a", new Uint8Array(1_000_000).fill(2));
  const [seen] = await until(() => seenBy("py"), ({ length }) => length === 1);
  assert.deepEqual(seen, {
    event: { size: 1_000_000, read: 1_000_000, missing: null },
    content: "2000000",
  });
});

Deno.test("a function may not read what it is not told of", async () => {
  await put("private/a", "secret");
  await session.rows(`CREATE EDGE FUNCTION curious LANGUAGE javascript AS $$
    export const main = (bucket) => storage.head(bucket, "a").then(() => "yes", ({ code }) => code);
  $$`);
  assert.equal(await session.value(`SELECT curious('"private"')`), "forbidden");
});

Deno.test("event notifications of S3 become jobs", async () => {
  await watch("remote", "camera-uploads", "PATTERN '*.jpg'");
  const record = (key: string, eventName = "ObjectCreated:Put") => ({
    eventVersion: "2.1",
    eventSource: "aws:s3",
    eventTime: "2026-05-01T10:00:00.000Z",
    eventName,
    s3: {
      bucket: { name: "camera-uploads" },
      object: { key, size: 5000, eTag: "d41d8cd98f00b204e9800998ecf8427e", sequencer: "0055AED6" },
    },
  });
  const post = (body: unknown, key = orla.serviceKey) =>
    fetch(`${orla.http}/api/v1/storage/s3-events`, {
      method: "POST",
      headers: { apikey: key },
      body: JSON.stringify(body),
    });
  const Records = [
    record("2026/May+Day%21.jpg"),
    record("x.png"),
    record("y.jpg", "ObjectRemoved:Delete"),
  ];
  assert.deepEqual(await json(await post({ Records })), { jobs: 1 });
  const [seen] = await until(() => seenBy("remote"), ({ length }) => length === 1);
  assert.deepEqual([seen?.event["name"], seen?.event["id"], seen?.event["size"]], [
    "2026/May Day!.jpg",
    "camera-uploads/2026/May Day!.jpg/0055AED6",
    5000,
  ]);
  assert.equal(await status(post({ Records: [{}] })), 400);
  assert.equal(await status(post({ Records }, orla.anonKey)), 403);
});
