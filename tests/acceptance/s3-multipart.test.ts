/** Uploads in parts by the official client of S3: in constant memory, through kills, on any node. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { startTestS3 } from "../../src/storage/test-s3.ts";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { startTestPostgres } from "../postgres.ts";
import { growthDuring } from "./memory.ts";
import { failureOf, s3ClientOf, sha256Of, testBytes } from "./s3-client.ts";
import { notedOf, noteUploads } from "./noted-uploads.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const MB = 2 ** 20;
const STREAMED_MB = 256;
/** A node that holds an upload, or even a hundredth part of many, grows by more. */
const MAX_GROWTH_MB = 120;

const ROUNDS = 3;

let dataDir: string;
let port: string;
let orla: OrlaProcess;
let session: SqlSession;
let s3: S3Client & Disposable;

async function start(): Promise<void> {
  orla = await startOrlaProcess({
    dataDir,
    env: port === undefined ? {} : { ORLA_HTTP_PORT: port },
  });
  port = new URL(orla.http).port;
  session = await openSession(orla.sqlUrl);
  s3 = s3ClientOf(orla);
}

async function end(): Promise<void> {
  s3[Symbol.dispose]();
  await session.close().catch(() => {});
  await orla[Symbol.asyncDispose]();
}

async function killAndStart(): Promise<void> {
  session.client.on("error", () => {});
  await orla.stop("SIGKILL");
  await end();
  await start();
}

Deno.test.beforeAll(async () => {
  dataDir = await Deno.makeTempDir({ prefix: "orla-s3-" });
  await start();
  await noteUploads(session, ["big", "cut", "completed", "limited"]);
});
Deno.test.afterAll(async () => {
  await end();
  await Deno.remove(dataDir, { recursive: true });
});

async function toldOf(bucket: string, count: number): Promise<unknown[]> {
  // The job of a dead node is free after its heartbeat has been missed for 30 s.
  const deadline = Date.now() + 60_000;
  for (;;) {
    const rows = await notedOf(session, bucket);
    if (rows.length >= count || Date.now() > deadline) return rows.map(({ event }) => event);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** More bytes are on their way to the disk than when this was called. */
async function writingBegins(): Promise<void> {
  const incoming = join(dataDir, "storage", "incoming");
  const before = [...Deno.readDirSync(incoming)].length;
  while ([...Deno.readDirSync(incoming)].length <= before) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const visible = (bucket: string) =>
  session.rows("SELECT name, size::int, etag FROM edge.objects WHERE bucket = $1", [bucket]);

async function read(Bucket: string, Key: string, client: S3Client = s3): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  assert.ok(Body);
  return await sha256Of(Body.transformToWebStream());
}

async function begin(Bucket: string, Key: string, client: S3Client = s3) {
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ Bucket, Key, ContentType: "text/x-log" }),
  );
  return { Bucket, Key, UploadId };
}

type Begun = Awaited<ReturnType<typeof begin>>;

async function sendPart(upload: Begun, PartNumber: number, Body: Uint8Array, client = s3) {
  const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }));
  return { PartNumber, ETag };
}

type Parts = { readonly PartNumber: number; readonly ETag: string | undefined }[];

const complete = (upload: Begun, Parts: Parts, client: S3Client = s3) =>
  client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));

Deno.test(`lib-storage: a stream of ${STREAMED_MB} MB goes in and out in constant memory`, async () => {
  const pieces = () => testBytes(STREAMED_MB * MB);
  const first = new Upload({ client: s3, params: { Bucket: "big", Key: "first", Body: "x" } });
  await first.done();
  await toldOf("big", 1);
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  function* hashed() {
    for (const piece of pieces()) {
      hash.update(piece);
      yield piece;
    }
  }
  let got = "";
  const growth = await growthDuring(orla.pid, async () => {
    const params = { Bucket: "big", Key: "object", Body: Readable.from(hashed()) };
    await new Upload({ client: s3, params, partSize: 16 * MB }).done();
    got = await read("big", "object");
  });
  assert.equal(got, hash.digest("hex"));
  assert.ok(growth < MAX_GROWTH_MB, `the node grew by ${growth.toFixed()} MB`);
  const [, event, ...more] = await toldOf("big", 2);
  assert.equal(Reflect.get(Object(event), "size"), STREAMED_MB * MB);
  assert.deepEqual(more, []);
});

Deno.test("a node killed between parts shows nothing of them, and the upload goes on", async () => {
  const data = [...testBytes(3 * MB)];
  const parts = [data.slice(0, 16), data.slice(16, 32), data.slice(32)]
    .map((pieces) => new Uint8Array(pieces.flatMap((piece) => [...piece])));
  const [one, two, three] = parts;
  assert.ok(one && two && three);
  const upload = await begin("cut", "a b/ü");
  const done: Parts = [await sendPart(upload, 3, three), await sendPart(upload, 1, one)];
  const writing = writingBegins();
  const sending = sendPart(upload, 2, new Uint8Array(64 * MB)).then(() => "sent", () => "cut");
  await writing;
  await killAndStart();
  await sending;
  assert.deepEqual(await visible("cut"), []);
  assert.equal(await failureOf(read("cut", "a b/ü")), "NoSuchKey");
  done.push(await sendPart(upload, 2, two));
  const { Parts } = await s3.send(new ListPartsCommand(upload));
  assert.deepEqual(
    Parts?.map(({ PartNumber, Size, ETag }) => [PartNumber, Size, ETag]),
    [1, 2, 3].map((number) => [number, MB, done.find((part) => part.PartNumber === number)?.ETag]),
  );
  assert.equal(await failureOf(complete(upload, done)), "InvalidPartOrder");
  done.sort((a, b) => a.PartNumber - b.PartNumber);
  const forged = done.with(1, { PartNumber: 2, ETag: done[0]?.ETag });
  assert.equal(await failureOf(complete(upload, forged)), "InvalidPart");
  assert.deepEqual(await visible("cut"), []);
  const { ETag } = await complete(upload, done);
  assert.match(ETag ?? "", /^"[0-9a-f]{32}-3"$/);
  assert.equal(await read("cut", "a b/ü"), await sha256Of(data));
  // Whoever missed the answer asks again, and nothing happens twice.
  assert.equal((await complete(upload, done)).ETag, ETag);
  assert.equal(await failureOf(sendPart(upload, 4, one)), "NoSuchUpload");
  const events = await toldOf("cut", 1);
  assert.deepEqual(
    events.map((event) => Reflect.get(Object(event), "etag")),
    [ETag?.replaceAll('"', "")],
  );
});

Deno.test("a node killed while parts become an object: nothing or all of it, and one event", async () => {
  for (let round = 1; round <= ROUNDS; round++) {
    const data = [...testBytes(48 * MB)];
    const upload = await begin("completed", `object ${round}`);
    const parts: Parts = [];
    for (const number of [1, 2, 3]) {
      const pieces = data.slice((number - 1) * 256, number * 256);
      parts.push(await sendPart(upload, number, await new Blob(pieces as BlobPart[]).bytes()));
    }
    const writing = writingBegins();
    const completing = complete(upload, parts).then(() => "done", () => "cut");
    await writing;
    // Once at the beginning of it; later about its end.
    await new Promise((resolve) => setTimeout(resolve, 60 * (round - 1)));
    await killAndStart();
    await completing;
    const objects = (await visible("completed")).filter(({ name }) => name === `object ${round}`);
    assert.ok(objects.length === 0 || objects[0]?.["size"] === 48 * MB);
    await complete(upload, parts);
    assert.equal(await read("completed", `object ${round}`), await sha256Of(data));
  }
  assert.equal((await toldOf("completed", ROUNDS)).length, ROUNDS);
});

Deno.test("parts together hold to MAX_SIZE; what is given up is gone", async () => {
  await session.rows("ALTER TRIGGER limited SET MAX_SIZE = 1MB");
  const upload = await begin("limited", "a");
  await sendPart(upload, 1, new Uint8Array(700_000));
  assert.equal(await failureOf(sendPart(upload, 2, new Uint8Array(700_000))), "EntityTooLarge");
  const parts = [
    await sendPart(upload, 1, new Uint8Array(500_000)),
    await sendPart(upload, 2, new Uint8Array(500_000)),
  ];
  await session.rows("ALTER TRIGGER limited SET MAX_SIZE = 800KB");
  assert.equal(await failureOf(complete(upload, parts)), "EntityTooLarge");
  await s3.send(new AbortMultipartUploadCommand(upload));
  assert.equal(await failureOf(complete(upload, parts)), "NoSuchUpload");
  assert.deepEqual(await session.rows("SELECT * FROM edge.multipart_parts"), []);
  assert.deepEqual(await visible("limited"), []);
});

Deno.test("an upload begun on one node goes on and ends on another, with the bytes in S3", async () => {
  await using postgres = await startTestPostgres();
  await using store = await startTestS3();
  const { endpoint, region, accessKeyId, secretAccessKey } = store.options;
  const env = {
    ...{ DATABASE_URL: postgres.url, ORLA_SERVICE_KEY: "the-key-of-both-nodes" },
    ...{ ORLA_S3_ENDPOINT: endpoint.replace(/\/bucket$/, ""), ORLA_S3_BUCKET: "bucket" },
    ...{ ORLA_S3_ACCESS_KEY: accessKeyId, ORLA_S3_SECRET_KEY: secretAccessKey },
    ORLA_S3_REGION: region,
  };
  await using one = await startOrlaProcess({ env });
  await using two = await startOrlaProcess({ env });
  using first = s3ClientOf(one);
  using second = s3ClientOf(two);
  const data = [...testBytes(20 * MB)];
  const upload = await begin("shared", "object", first);
  const bytes = await new Blob(data as BlobPart[]).bytes();
  const parts = [
    await sendPart(upload, 1, bytes.subarray(0, 9 * MB), first),
    await sendPart(upload, 2, bytes.subarray(9 * MB), second),
  ];
  await complete(upload, parts, second);
  assert.equal(await read("shared", "object", first), await sha256Of(data));
});
