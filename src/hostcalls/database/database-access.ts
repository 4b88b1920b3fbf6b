/**
 * The functions' way to the database: connections shared by the node, each with the rights of whoever
 * the function acts for (docs/decisions/0006).
 */
import type pg from "pg";
import type { Queryable } from "../../catalog/queryable.ts";
import type { Operation } from "../host-services.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { databaseOperations } from "./database-operations.ts";
import { Logins } from "./logins.ts";
import { TypeCatalog } from "./type-catalog.ts";

export interface DatabaseAccessOptions {
  /** With the platform's rights. */
  readonly platform: Queryable;
  /** How the platform gets there. */
  readonly connection: pg.ClientConfig;
  /** Connections for all functions together. */
  readonly connections: number;
  readonly connectionsPerFunction: number;
}

export interface DatabaseAccess extends AsyncDisposable {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly stats: ConnectionPool["stats"];
}

export function createDatabaseAccess(options: DatabaseAccessOptions): DatabaseAccess {
  const { platform, connection, connections, connectionsPerFunction } = options;
  const logins = new Logins(platform, connection);
  const pool = new ConnectionPool({
    logins,
    size: connections,
    perFunction: connectionsPerFunction,
    terminate: async (pid, login) => {
      await platform.query(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity " +
          "WHERE pid = $1 AND usename = $2",
        [pid, login],
      );
    },
  });
  return {
    operations: databaseOperations({ pool, logins, types: new TypeCatalog(platform) }),
    get stats() {
      return pool.stats;
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}
