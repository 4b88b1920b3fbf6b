/** Objects of this node: where their bytes go, and what looks after them. */
import { join } from "node:path";
import { s3Routes } from "../api/s3/routes.ts";
import { storageRoutes } from "../api/storage.ts";
import type { Logger } from "../base/log.ts";
import type { Route } from "../gateway/route.ts";
import type { BucketRights, ObjectReader } from "../hostcalls/storage-operation.ts";
import { DiskStore } from "../storage/disk-store.ts";
import { MultipartTable } from "../storage/multipart-table.ts";
import { MultipartUploads } from "../storage/multipart-uploads.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { ObjectTable } from "../storage/object-table.ts";
import { Objects } from "../storage/objects.ts";
import { ResumableUploads } from "../storage/resumable-uploads.ts";
import { s3AccessOf } from "../storage/s3-access.ts";
import { UrlSigner } from "../storage/signed-urls.ts";
import type { TriggerDirectory } from "../triggers/trigger-directory.ts";
import { UploadTriggers } from "../triggers/upload/upload-events.ts";
import type { Config } from "./config.ts";
import { type Database, openPool } from "./database.ts";

export interface NodeStorageOptions {
  readonly config: Config;
  readonly database: Database;
  readonly directory: TriggerDirectory;
  readonly serviceKey: string;
  readonly log: Logger;
}

export interface NodeStorage extends AsyncDisposable {
  readonly routes: readonly Route[];
  readonly reader: ObjectReader;
  readonly rights: BucketRights;
}

/** A row and its jobs take milliseconds. */
const CONNECTIONS = 4;
const SWEEP_EVERY_MS = 3_600_000;

export async function openNodeStorage(options: NodeStorageOptions): Promise<NodeStorage> {
  const { config, database, directory, serviceKey } = options;
  const log = options.log.with({ part: "storage" });
  await using started = new AsyncDisposableStack();
  const pool = started.adopt(
    openPool(database, log, { max: CONNECTIONS, application_name: "orla storage" }),
    (pool) => pool.end(),
  );
  const place = join(config.dataDir, "storage");
  const store = started.use(await openStore(config, place));
  const triggers = new UploadTriggers(directory);
  const events = {
    maxSizeBytes: (bucket: string) => triggers.maxSizeBytes(bucket),
    record: async (...[client, object]: Parameters<UploadTriggers["record"]>) => {
      await triggers.record(client, object);
    },
  };
  const table = new ObjectTable(pool, events);
  const objects = new Objects({ store, table, events, log });
  const resumable = await ResumableUploads.open({
    directory: join(place, "resumable"),
    path: "/storage/v1/tus",
    objects,
    log,
  });
  const multipart = new MultipartUploads({
    ...{ store, objects, log },
    table: new MultipartTable(pool),
  });
  started.use(sweeping(async () => {
    await resumable.sweep();
    await multipart.sweep();
    await objects.sweep();
  }, log));
  const owned = started.move();
  return {
    routes: [
      ...storageRoutes({
        objects,
        resumable,
        signer: new UrlSigner(serviceKey),
        notify: async (found) => {
          let jobs = 0;
          for (const object of found) jobs += await triggers.record(pool, object);
          return jobs;
        },
      }),
      ...s3Routes({ objects, multipart, access: s3AccessOf(serviceKey), log }),
    ],
    reader: objects,
    rights: triggers,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openStore(config: Config, directory: string): Promise<ObjectStore> {
  const { s3Endpoint, s3Bucket, s3AccessKey, s3SecretKey, s3Region, s3Prefix } = config;
  if (s3Endpoint === null) return await DiskStore.open(directory);
  // Who keeps objects on disk need not load its client.
  const { S3Store } = await import("../storage/s3-store.ts");
  return new S3Store({
    endpoint: `${s3Endpoint.replace(/\/$/, "")}/${s3Bucket}`,
    region: s3Region,
    accessKeyId: s3AccessKey ?? "",
    secretAccessKey: s3SecretKey ?? "",
    prefix: s3Prefix,
  });
}

/** Now, and then from time to time. */
function sweeping(work: () => Promise<void>, log: Logger): AsyncDisposable {
  let running = Promise.resolve();
  const run = () => {
    running = running.then(work).catch((error) =>
      log.warn("cannot tidy up the object store; trying again later", { error })
    );
  };
  run();
  const timer = setInterval(run, SWEEP_EVERY_MS);
  return {
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      return running;
    },
  };
}
