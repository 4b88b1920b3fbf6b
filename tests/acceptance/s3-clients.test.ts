/** Official clients of S3 against the node's own buckets. */
import assert from "node:assert/strict";
import { createServer, request as sendRequest } from "node:http";
import { Agent } from "node:https";
import { Readable } from "node:stream";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  type ListObjectsCommandOutput,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { S3mini } from "s3mini";
import { s3SettingsOf } from "../../src/server/s3-settings.ts";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { failureOf, s3ClientOf, sha256Of, testBytes } from "./s3-client.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
let s3: S3Client & Disposable;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  s3 = s3ClientOf(orla);
});
Deno.test.afterAll(async () => {
  s3[Symbol.dispose]();
  await session.close();
  await orla[Symbol.asyncDispose]();
});

const put = (Bucket: string, Key: string, Body: string | Uint8Array, more = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Bucket: string, Key: string, more = {}) =>
  s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
const textOf = async (Bucket: string, Key: string, more = {}) =>
  (await get(Bucket, Key, more)).Body?.transformToString();

const names = [
  "plain.txt",
  "a b/c d",
  "a+b",
  "ü/😀 ☕",
  "100%/%20",
  "it's(1)!~*.txt",
  "a=b&c;d:e@f",
];

for (const name of names) {
  Deno.test(`an object called ${name} is put, found, read, copied and deleted`, async () => {
    const { ETag } = await put("names", name, `this is ${name}`, {
      ...{ ContentType: "text/x-note", Metadata: { origin: "test" }, CacheControl: "no-store" },
    });
    assert.equal(await textOf("names", name), `this is ${name}`);
    const head = await s3.send(new HeadObjectCommand({ Bucket: "names", Key: name }));
    assert.deepEqual(
      [head.ETag, head.ContentType, head.Metadata, head.CacheControl],
      [ETag, "text/x-note", { origin: "test" }, "no-store"],
    );
    // The same object, by the node's own routes.
    const path = name.split("/").map(encodeURIComponent).join("/");
    const own = await fetch(`${orla.http}/storage/v1/names/${path}`, {
      headers: { apikey: orla.serviceKey },
    });
    assert.deepEqual([await own.text(), own.headers.get("etag")], [`this is ${name}`, ETag]);
    const CopySource = `names/${encodeURIComponent(name)}`;
    await s3.send(new CopyObjectCommand({ Bucket: "copies", Key: name, CopySource }));
    assert.deepEqual((await get("copies", name)).Metadata, { origin: "test" });
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: "copies", Prefix: name }));
    assert.deepEqual(listed.Contents?.map(({ Key, ETag }) => [Key, ETag]), [[name, ETag]]);
    for (const Bucket of ["names", "copies"]) {
      await s3.send(new DeleteObjectCommand({ Bucket, Key: name }));
      assert.equal(await failureOf(get(Bucket, name)), "NoSuchKey");
    }
  });
}

Deno.test("ranges and conditions", async () => {
  const { ETag } = await put("ranges", "digits", "0123456789");
  assert.equal(await textOf("ranges", "digits", { Range: "bytes=2-4" }), "234");
  assert.equal(await textOf("ranges", "digits", { Range: "bytes=-2" }), "89");
  assert.equal(await textOf("ranges", "digits", { IfMatch: ETag }), "0123456789");
  const failure = (more: Record<string, unknown>) => failureOf(get("ranges", "digits", more));
  assert.equal(await failure({ Range: "bytes=10-" }), "InvalidRange");
  assert.equal(await failure({ IfMatch: '"other"' }), "PreconditionFailed");
  assert.equal(await failure({ IfNoneMatch: ETag }), "304");
  assert.equal(await failure({ IfModifiedSince: new Date(Date.now() + 60_000) }), "304");
  assert.equal(await failure({ IfUnmodifiedSince: new Date(0) }), "PreconditionFailed");
});

Deno.test("listings: pages, folders, in the older way too, and a bucket in one go", async () => {
  const keys = ["a/1", "a/2", "b", "c/d/e", "c/f", "z"];
  for (const key of keys) await put("lists", key, "x");
  const folders = await s3.send(new ListObjectsV2Command({ Bucket: "lists", Delimiter: "/" }));
  assert.deepEqual(folders.CommonPrefixes?.map(({ Prefix }) => Prefix), ["a/", "c/"]);
  assert.deepEqual(folders.Contents?.map(({ Key }) => Key), ["b", "z"]);
  const found: (string | undefined)[] = [];
  const pages = paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket: "lists" });
  for await (const { Contents } of pages) found.push(...Contents?.map(({ Key }) => Key) ?? []);
  assert.deepEqual(found, keys);
  const older: (string | undefined)[] = [];
  for (let Marker: string | undefined = "";;) {
    const page: ListObjectsCommandOutput = await s3.send(
      new ListObjectsCommand({ Bucket: "lists", Delimiter: "/", MaxKeys: 1, Marker }),
    );
    older.push(...page.CommonPrefixes?.map(({ Prefix }) => Prefix) ?? []);
    older.push(...page.Contents?.map(({ Key }) => Key) ?? []);
    if (!page.IsTruncated) break;
    Marker = page.NextMarker;
  }
  assert.deepEqual(older, ["a/", "b", "c/", "z"]);
  const after = new ListObjectsV2Command({ Bucket: "lists", StartAfter: "b", Prefix: "c" });
  assert.deepEqual((await s3.send(after)).Contents?.map(({ Key }) => Key), ["c/d/e", "c/f"]);
  const Objects = [...keys, "never there"].map((Key) => ({ Key }));
  const gone = await s3.send(new DeleteObjectsCommand({ Bucket: "lists", Delete: { Objects } }));
  assert.deepEqual([gone.Deleted?.length, gone.Errors], [7, undefined]);
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket: "lists" }))).KeyCount, 0);
});

Deno.test("buckets are there, and are removed when they are empty", async () => {
  await s3.send(new CreateBucketCommand({ Bucket: "made" }));
  await s3.send(new HeadBucketCommand({ Bucket: "made" }));
  await put("made", "a", "x");
  const { Buckets } = await s3.send(new ListBucketsCommand());
  assert.ok(Buckets?.some(({ Name, CreationDate }) => Name === "made" && CreationDate));
  const remove = () => s3.send(new DeleteBucketCommand({ Bucket: "made" }));
  assert.equal(await failureOf(remove()), "BucketNotEmpty");
  await s3.send(new DeleteObjectCommand({ Bucket: "made", Key: "a" }));
  await remove();
  assert.equal(await failureOf(put("_no_", "a", "x")), "InvalidBucketName");
  assert.equal(await failureOf(put("s3", "a", "x")), "InvalidBucketName");
  assert.equal(await failureOf(put("made", "folder/", "x")), "InvalidArgument");
  const acl = s3.send(new GetBucketAclCommand({ Bucket: "made" }));
  assert.equal(await failureOf(acl), "NotImplemented");
});

Deno.test("signed URLs need no key, and are good for what they were made for", async () => {
  const target = { Bucket: "signed", Key: "a b+c.txt" };
  const url = await getSignedUrl(s3, new PutObjectCommand(target), { expiresIn: 60 });
  const sent = await fetch(url, { method: "PUT", body: "by URL" });
  assert.deepEqual([sent.status, await sent.text()], [200, ""]);
  const read = await getSignedUrl(s3, new GetObjectCommand(target), { expiresIn: 1 });
  assert.equal(await (await fetch(read)).text(), "by URL");
  const codeOf = async (address: string, init?: RequestInit) =>
    /<Code>(\w+)</.exec(await (await fetch(address, init)).text())?.[1];
  assert.equal(await codeOf(read, { method: "DELETE" }), "SignatureDoesNotMatch");
  assert.equal(await codeOf(read.replace("c.txt", "d.txt")), "SignatureDoesNotMatch");
  assert.equal(await codeOf(`${read}&acl`), "SignatureDoesNotMatch");
  await new Promise((resolve) => setTimeout(resolve, 2100));
  assert.equal(await codeOf(read), "AccessDenied");
  assert.equal(await codeOf(`${orla.http}/storage/v1/s3/signed/a`), "AccessDenied");
});

Deno.test("a wrong secret, a wrong key and a wrong clock are told apart", async () => {
  const { accessKeyId, secretAccessKey } = s3SettingsOf(orla);
  const asked = async (options: Parameters<typeof s3ClientOf>[1]) => {
    using client = s3ClientOf(orla, options);
    return await failureOf(client.send(new ListBucketsCommand()));
  };
  const wrong = { accessKeyId, secretAccessKey: orla.serviceKey };
  assert.equal(await asked({ credentials: wrong }), "SignatureDoesNotMatch");
  const stranger = { accessKeyId: "stranger", secretAccessKey };
  assert.equal(await asked({ credentials: stranger }), "InvalidAccessKeyId");
  assert.equal(await asked({ systemClockOffset: 16 * 60_000 }), "RequestTimeTooSkewed");
  assert.equal(await asked({ systemClockOffset: -16 * 60_000 }), "RequestTimeTooSkewed");
  assert.equal(await asked({ region: "eu-west-1" }), "none");
  // Its path names no bucket.
  const own = await fetch(`${orla.http}/storage/v1/s3`, { headers: { apikey: orla.serviceKey } });
  assert.match(await own.text(), /<Code>AccessDenied</);
  assert.ok(!orla.logs().includes(secretAccessKey));
});

Deno.test("what is too large, or another than it says, is refused and leaves nothing", async () => {
  await session.rows(
    "CREATE EDGE FUNCTION none LANGUAGE javascript AS $$ export const main = () => 1 $$",
  );
  await session.rows(
    "CREATE TRIGGER small ON FILE_UPLOAD BUCKET 'small' MAX_SIZE 1KB EXECUTE EDGE FUNCTION none",
  );
  assert.equal(await failureOf(put("small", "a", new Uint8Array(1025))), "EntityTooLarge");
  assert.equal(
    await failureOf(put("small", "a", "x", { ContentMD5: btoa("0".repeat(16)) })),
    "BadDigest",
  );
  assert.equal(await failureOf(put("small", "a", "x", { ContentMD5: "?" })), "InvalidDigest");
  assert.equal(await failureOf(put("small", "a", "x", { ChecksumSHA256: btoa("x") })), "BadDigest");
  const big = { "x-amz-meta-a": "x".repeat(2100) };
  assert.equal(await failureOf(put("small", "a", "x", { Metadata: big })), "MetadataTooLarge");
  assert.equal(await failureOf(get("small", "a")), "NoSuchKey");
  await put("small", "a", new Uint8Array(1024));
});

Deno.test("over TLS a stream of unknown hash comes in pieces, with its checksum after them", async () => {
  const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url).pathname;
  await using secure = await startOrlaProcess({
    env: { ORLA_TLS_CERT: fixture("localhost.crt"), ORLA_TLS_KEY: fixture("localhost.key") },
  });
  const ca = await Deno.readTextFile(fixture("localhost.crt"));
  const http = secure.http.replace("127.0.0.1", "localhost");
  using client = s3ClientOf({ http, serviceKey: secure.serviceKey }, {
    requestHandler: { httpsAgent: new Agent({ ca }) },
  });
  let wrapping: string | undefined;
  client.middlewareStack.add((next) => (args) => {
    const { request } = args;
    if (typeof request === "object" && request !== null && "headers" in request) {
      wrapping = new Headers(request.headers as Record<string, string>)
        .get("x-amz-content-sha256") ?? undefined;
    }
    return next(args);
  }, { step: "finalizeRequest", priority: "low" });
  const pieces = [...testBytes(3_000_000)];
  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA256"] as const) {
    const Body = Readable.from(pieces);
    const target = { Bucket: "secure", Key: ChecksumAlgorithm };
    await client.send(
      new PutObjectCommand({ ...target, Body, ContentLength: 3_000_000, ChecksumAlgorithm }),
    );
    assert.equal(wrapping, "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    const { Body: stored } = await client.send(new GetObjectCommand(target));
    assert.ok(stored);
    assert.equal(await sha256Of(stored.transformToWebStream()), await sha256Of(pieces));
  }
  // Over HTTP/2 there is no Host header.
  const url = await getSignedUrl(client, new PutObjectCommand({ Bucket: "secure", Key: "by URL" }));
  const curl = new Deno.Command("curl", {
    args: ["-sS", "--http2", "--cacert", fixture("localhost.crt"), "-w", "%{http_version}"]
      .concat("-X", "PUT", "-d", "x", url),
  });
  assert.equal(new TextDecoder().decode((await curl.output()).stdout), "2");
});

Deno.test("a proxy can give the endpoint a host of its own", async () => {
  const { endpoint } = s3SettingsOf(orla);
  const proxy = createServer((incoming, answer) => {
    const { url, method = "GET", headers } = incoming;
    const outgoing = sendRequest(`${endpoint}${url}`, { method, headers });
    outgoing.on("response", (from) => {
      answer.writeHead(from.statusCode ?? 500, from.headers);
      from.pipe(answer);
    });
    incoming.pipe(outgoing);
  });
  proxy.listen(0, "127.0.0.1");
  await new Promise((resolve) => proxy.once("listening", resolve));
  const address = proxy.address();
  const port = typeof address === "object" ? address?.port : 0;
  try {
    using client = s3ClientOf(orla, { endpoint: `http://127.0.0.1:${port}` });
    await client.send(new PutObjectCommand({ Bucket: "proxied", Key: "a b", Body: "through" }));
    assert.equal(await textOf("proxied", "a b"), "through");
    assert.equal((await client.send(new ListBucketsCommand())).Buckets?.length !== 0, true);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

Deno.test("another client: s3mini", async () => {
  const { endpoint, ...credentials } = s3SettingsOf(orla);
  const mini = new S3mini({ endpoint: `${endpoint}/mini`, region: "auto", ...credentials });
  await mini.putObject("a b/ü+1", "hello");
  assert.equal(await mini.getObject("a b/ü+1"), "hello");
  const part = "x".repeat(5 * 2 ** 20);
  const id = await mini.getMultipartUploadId("large");
  const parts = [];
  for (const number of [1, 2]) parts.push(await mini.uploadPart("large", id, part, number));
  await mini.completeMultipartUpload("large", id, parts);
  assert.equal(await mini.getContentLength("large"), 10 * 2 ** 20);
  const listed = await mini.listObjects("/", "");
  assert.deepEqual(listed?.map(({ Key }) => Key), ["a b/ü+1", "large"]);
  assert.equal(await mini.deleteObject("large"), true);
  assert.equal(await mini.getObject("large"), null);
});
