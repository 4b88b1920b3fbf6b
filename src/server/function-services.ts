/** What functions may ask of this node: built here, because its parts live in several folders. */
import type pg from "pg";
import type { Logger } from "../base/log.ts";
import type { HostServices } from "../functions/host-services.ts";
import { createDatabaseAccess } from "../hostcalls/database/database-access.ts";
import { createHostServices } from "../hostcalls/host-services.ts";
import { keyValueOperations } from "../hostcalls/kv/key-value-operations.ts";
import type { KeyValueStore } from "../hostcalls/kv/key-value-store.ts";
import { PostgresStore } from "../hostcalls/kv/postgres-store.ts";
import { type FunctionMetrics, metricOperation } from "../hostcalls/metric-operation.ts";
import {
  type BucketRights,
  type ObjectReader,
  storageOperation,
} from "../hostcalls/storage-operation.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Config } from "./config.ts";
import { type Database, openPool } from "./database.ts";

export interface FunctionServicesOptions {
  readonly config: Config;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly functionMetrics: FunctionMetrics;
  readonly storage: { readonly reader: ObjectReader; readonly rights: BucketRights };
  readonly log: Logger;
}

export interface FunctionServices extends AsyncDisposable {
  readonly services: HostServices;
}

/**
 * Of the connections that Orla itself holds: so many that keys, values and roles do not wait for the
 * records of executions, nor the other way round.
 */
const PLATFORM_CONNECTIONS = 4;
/** These statements take less than a millisecond; so long means that the server is gone. */
const PLATFORM_TIMEOUT_MS = 10_000;

export async function startFunctionServices(
  options: FunctionServicesOptions,
): Promise<FunctionServices> {
  const { config, database, metrics, functionMetrics, log } = options;
  await using started = new AsyncDisposableStack();
  const platform = started.adopt(
    openPool(database, log, {
      max: PLATFORM_CONNECTIONS,
      connectionTimeoutMillis: PLATFORM_TIMEOUT_MS,
      query_timeout: PLATFORM_TIMEOUT_MS,
      application_name: "orla host calls",
    }),
    (pool) => pool.end(),
  );

  const access = started.use(createDatabaseAccess({
    platform,
    connection: database.connection,
    connections: config.functionDatabaseConnections,
    connectionsPerFunction: config.databaseConnectionsPerFunction,
  }));
  metrics.watch({
    type: "gauge",
    name: "orla_function_database_connections",
    help: "Connections to the database for functions: open, and of those in use.",
    labelNames: ["state"],
    read: () => [
      { labels: { state: "open" }, value: access.stats.open },
      { labels: { state: "used" }, value: access.stats.held },
    ],
  });
  metrics.watch({
    type: "gauge",
    name: "orla_function_database_waiting",
    help: "Statements of functions that wait for a connection.",
    labelNames: [],
    read: () => [{ labels: {}, value: access.stats.waiting }],
  });
  const store = started.use(await openStore(config, platform, log));
  const services = createHostServices({
    ...access.operations,
    ...keyValueOperations(store),
    ...metricOperation(functionMetrics),
    ...storageOperation(options.storage.reader, options.storage.rights),
  }, log);
  const owned = started.move();
  return { services, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function openStore(config: Config, platform: pg.Pool, log: Logger): Promise<KeyValueStore> {
  const onError = (error: unknown) => log.warn("the key-value store failed", { error });
  if (config.redisUrl === null) return new PostgresStore({ database: platform, onError });
  // Its client knows hundreds of commands; who has no Redis need not load them.
  const { RedisStore } = await import("../hostcalls/kv/redis-store.ts");
  return await RedisStore.open({ url: config.redisUrl, onError });
}
