/** Uploads of any size in constant memory, through kills of the node. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import * as tus from "tus-js-client";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { growthDuring } from "./memory.ts";
import { notedOf, noteUploads } from "./noted-uploads.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

const MB = 2 ** 20;

/** The node grows by some 70 MB in the first second, and then no more. */
const STREAMED_MB = 1024;
const MAX_GROWTH_MB = 120;

let dataDir: string;
let port: string;
let orla: OrlaProcess;
let session: SqlSession;

async function start(): Promise<void> {
  orla = await startOrlaProcess({
    dataDir,
    env: port === undefined ? {} : { ORLA_HTTP_PORT: port },
  });
  port = new URL(orla.http).port;
  session = await openSession(orla.sqlUrl);
}

async function killAndStart(): Promise<void> {
  session.client.on("error", () => {});
  await orla.stop("SIGKILL");
  await session.close().catch(() => {});
  await orla[Symbol.asyncDispose]();
  await start();
}

Deno.test.beforeAll(async () => {
  dataDir = await Deno.makeTempDir({ prefix: "orla-uploads-" });
  await start();
  await noteUploads(session, ["big", "cut", "many", "resumed", "whole"]);
});
Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
  await Deno.remove(dataDir, { recursive: true });
});

const toldOf = (bucket: string) => notedOf(session, bucket);

function nameOf(event: unknown): string {
  if (typeof event !== "object" || event === null) throw new Error("no event");
  return String(Reflect.get(event, "name"));
}

async function until<T>(
  read: () => Promise<T>,
  holds: (value: T) => boolean,
  waitMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)}\n${orla.logs()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const storage = (path: string, init: RequestInit = {}) =>
  fetch(`${orla.http}/storage/v1/${path}`, { ...init, headers: { apikey: orla.serviceKey } });

/** Deno's own fetch sends a stream at a tenth of the speed of curl. */
async function run(program: string, ...args: string[]): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test(`${STREAMED_MB} MB go in and out in constant memory`, async () => {
  // What every upload and every event loads is loaded.
  await (await storage("big/first", { method: "PUT", body: "x" })).body?.cancel();
  await (await storage("big/first")).body?.cancel();
  await until(() => toldOf("big"), ({ length }) => length === 1);
  const sent = await Deno.makeTempFile();
  const curl = ["-sS", "--fail", "-H", `apikey: ${orla.serviceKey}`];
  try {
    await fillSparsely(sent);
    const url = `${orla.http}/storage/v1/big/object`;
    let [stored, got] = ["", ""];
    const growth = await growthDuring(orla.pid, async () => {
      stored = await run("curl", ...curl, "-H", "transfer-encoding: chunked", "-T", sent, url);
      got = await run("sh", "-c", 'curl "$@" | sha256sum', "curl", ...curl, url);
    });
    const digest = (await run("sha256sum", sent)).slice(0, 64);
    assert.deepEqual([JSON.parse(stored).etag, got.slice(0, 64)], [digest, digest]);
    assert.equal(JSON.parse(stored).size, STREAMED_MB * MB);
    assert.ok(growth < MAX_GROWTH_MB, `the node grew by ${growth.toFixed()} MB`);
  } finally {
    await Deno.remove(sent);
  }
});

/** No megabyte like another, though most of the file is a hole: writing it takes no time. */
async function fillSparsely(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true });
  await file.truncate(STREAMED_MB * MB);
  for (let n = 0; n < STREAMED_MB; n++) {
    await file.seek(n * MB, Deno.SeekMode.Start);
    await file.write(crypto.getRandomValues(new Uint8Array(1024)));
  }
}

Deno.test("a node killed during an upload shows nothing of it", async () => {
  let sent = 0;
  let half = () => {};
  const isHalf = new Promise<void>((resolve) => half = resolve);
  let goOn = () => {};
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent === 8 * MB) {
        half();
        await new Promise<void>((resolve) => goOn = resolve);
        return controller.error(new Error("the test has ended"));
      }
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const upload = storage("cut/object", { method: "PUT", body }).then(
    ({ status }) => status,
    () => "broken",
  );
  await isHalf;
  const incoming = () => [...Deno.readDirSync(join(dataDir, "storage", "incoming"))];
  await until(() => Promise.resolve(incoming()), ({ length }) => length === 1);
  await killAndStart();
  goOn();
  assert.equal(await upload, "broken");
  const missing = await storage("cut/object");
  await missing.body?.cancel();
  assert.equal(missing.status, 404);
  assert.deepEqual(await session.rows("SELECT * FROM edge.objects WHERE bucket = 'cut'"), []);
  assert.deepEqual(await toldOf("cut"), []);
});

Deno.test("through kills, every object that is visible has its event, and no other event is", async () => {
  const acknowledged = new Set<string>();
  for (let round = 0; round < 3; round++) {
    let stopped = false;
    const uploading = Array.from({ length: 4 }, async (_, worker) => {
      for (let n = 0; !stopped; n++) {
        const name = `${round}/${worker}/${n}`;
        const body = new Uint8Array(1000 * (n % 50));
        const status = await storage(`many/${name}`, { method: "PUT", body }).then(
          async (response) => (await response.body?.cancel(), response.status),
          () => 0,
        );
        if (status === 201) acknowledged.add(name);
        else stopped = true;
      }
    });
    const enough = 10 * (round + 1) + 10 * Math.random();
    await until(() => Promise.resolve(acknowledged.size), (size) => size > enough);
    const killing = killAndStart();
    await Promise.all(uploading);
    await killing;
  }
  const visible = await session.rows("SELECT name FROM edge.objects WHERE bucket = 'many'");
  const names = new Set(visible.map(({ name }) => String(name)));
  assert.ok(acknowledged.size > 30, `only ${acknowledged.size}`);
  for (const name of acknowledged) assert.ok(names.has(name), `${name} was lost`);
  const told = async () => new Set((await toldOf("many")).map(({ event }) => nameOf(event)));
  // The jobs that a dead node was running are free after its heartbeat has been missed for 30 s.
  const events = await until(told, ({ size }) => size >= names.size, 90_000);
  assert.deepEqual(events.symmetricDifference(names), new Set());
  for (const name of names) {
    const { status, body } = await storage(`many/${name}`);
    await body?.cancel();
    assert.equal(status, 200);
  }
});

Deno.test("tus-js-client goes on after a kill where it was", async () => {
  const data = Buffer.alloc(24 * MB);
  for (let at = 0; at < data.length; at += 65_536) {
    crypto.getRandomValues(data.subarray(at, at + 65_536));
  }
  let killing: Promise<void> | undefined;
  const offsets: number[] = [];
  await new Promise<void>((resolve, reject) => {
    const upload = new tus.Upload(data, {
      endpoint: `${orla.http}/storage/v1/tus`,
      headers: { apikey: orla.serviceKey },
      metadata: { bucket: "resumed", name: "a/object.bin", contentType: "application/x-test" },
      chunkSize: 2 * MB,
      // A minute: a start takes long beside other work.
      retryDelays: Array.from({ length: 600 }, () => 100),
      onError: reject,
      onSuccess: () => resolve(),
      onChunkComplete: (_size, accepted) => {
        offsets.push(accepted);
        if (accepted >= 8 * MB) killing ??= killAndStart();
      },
    });
    upload.start();
  });
  await killing;
  // Nothing was sent from the start again.
  assert.deepEqual(offsets, offsets.toSorted((a, b) => a - b));
  const stored = await storage("resumed/a/object.bin");
  assert.equal(stored.headers.get("content-type"), "application/x-test");
  assert.deepEqual(Buffer.compare(Buffer.from(await stored.arrayBuffer()), data), 0);
  const told = await until(() => toldOf("resumed"), ({ length }) => length > 0);
  assert.equal(told.length, 1);
});

Deno.test("an upload that was whole when the node died becomes an object, once", async () => {
  const id = "0190a0b0-0000-4000-8000-000000000001";
  const waiting = join(dataDir, "storage", "resumable", id);
  const state = {
    id,
    size: 5,
    offset: 0,
    metadata: { bucket: "whole", name: "late.txt" },
    creation_date: new Date().toISOString(),
  };
  await Deno.writeTextFile(waiting, "hello");
  await Deno.writeTextFile(`${waiting}.json`, JSON.stringify(state));
  await killAndStart();
  await until(() => toldOf("whole"), ({ length }) => length === 1);
  assert.equal(await (await storage("whole/late.txt")).text(), "hello");
  // As after a death between the record and the tidying up.
  await Deno.writeTextFile(waiting, "hello");
  await killAndStart();
  const head = await fetch(`${orla.http}/storage/v1/tus/${id}`, {
    method: "HEAD",
    headers: { apikey: orla.serviceKey, "tus-resumable": "1.0.0" },
  });
  assert.equal(head.headers.get("upload-offset"), "5");
  await until(
    () => Deno.stat(waiting).then(({ blocks }) => blocks),
    (blocks) => blocks === 0,
  );
  assert.equal((await toldOf("whole")).length, 1);
});

Deno.test("tus refuses what the bucket does not take", async () => {
  await session.rows("ALTER TRIGGER resumed SET MAX_SIZE = 1KB");
  const begin = (metadata: Record<string, string>, length: number) =>
    fetch(`${orla.http}/storage/v1/tus`, {
      method: "POST",
      headers: {
        ...{ apikey: orla.serviceKey, "tus-resumable": "1.0.0" },
        "upload-length": String(length),
        "upload-metadata": Object.entries(metadata).map(([key, text]) => `${key} ${btoa(text)}`)
          .join(","),
      },
    }).then(async ({ status, body }) => (await body?.cancel(), status));
  assert.equal(await begin({ bucket: "resumed", name: "a" }, 1025), 413);
  assert.equal(await begin({ bucket: "resumed", name: "a" }, 1024), 201);
  assert.equal(await begin({ bucket: "resumed", name: "../a" }, 10), 400);
  assert.equal(await begin({ name: "a" }, 10), 400);
  const stranger = await fetch(`${orla.http}/storage/v1/tus`, { method: "POST" });
  await stranger.body?.cancel();
  assert.equal(stranger.status, 401);
});
