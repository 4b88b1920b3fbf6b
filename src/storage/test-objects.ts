/** Objects on disk, with rows in a database and events that are noted, each for one test. */
import pg from "pg";
import { OrlaError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import type { TestServer } from "../catalog/test-database.ts";
import { DiskStore } from "./disk-store.ts";
import { ObjectTable, type StoredObject } from "./object-table.ts";
import { Objects } from "./objects.ts";

export interface TestObjects {
  readonly objects: Objects;
  /** Those whose event was recorded. */
  readonly recorded: StoredObject[];
  readonly store: DiskStore;
  readonly pool: pg.Pool;
  /** Refuses to record what comes. */
  fail: boolean;
  maxBytes: number;
  /** Keys in the store. */
  stored(): Promise<string[]>;
}

export async function withObjects(
  server: TestServer,
  work: (place: TestObjects) => Promise<void>,
): Promise<void> {
  await using database = await server.createDatabase();
  const directory = await Deno.makeTempDir();
  const pool = new pg.Pool(database.config);
  // `end` does not wait for the last byte of its connections, which the dropped database cuts.
  pool.on("connect", (client) => client.on("error", () => {}));
  pool.on("error", () => {});
  const store = await DiskStore.open(directory);
  const recorded: StoredObject[] = [];
  const events = {
    maxSizeBytes: () => place.maxBytes,
    record: (_client: unknown, object: StoredObject) => {
      if (place.fail) throw new OrlaError("unavailable", "not now");
      recorded.push(object);
      return Promise.resolve();
    },
  };
  const table = new ObjectTable(pool, events);
  const place: TestObjects = {
    objects: new Objects({ store, table, events, log: silentLogger }),
    ...{ recorded, store, pool },
    fail: false,
    maxBytes: 1000,
    stored: async () => (await Array.fromAsync(store.list(""))).map(({ key }) => key),
  };
  try {
    await work(place);
  } finally {
    await pool.end();
    await Deno.remove(directory, { recursive: true });
  }
}
