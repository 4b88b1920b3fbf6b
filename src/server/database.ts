/** The Postgres behind a node: the embedded one, or the one that `DATABASE_URL` names. */
import { isAbsolute, join } from "node:path";
import pg, { type ClientConfig, type PoolConfig } from "pg";
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { connectUpstream } from "./upstream.ts";
import type { EmbeddedPostgres } from "./embedded-postgres.ts";

export interface Database {
  /** For any client that may administer it. */
  readonly url: string;
  /** How our own connections get there. */
  readonly connection: ClientConfig;
  /** A new connection for a client of the SQL gateway, before its start-up message. */
  readonly upstream: () => Promise<Deno.Conn>;
  /** Where it listens; a path for a unix socket. */
  readonly host: string;
  readonly port: number;
  /** For people: where it is, without secrets. */
  readonly description: string;
}

export function embeddedDatabase(postgres: EmbeddedPostgres): Database {
  const { pathname, username, password } = new URL(postgres.url);
  return {
    url: postgres.url,
    connection: {
      // The unix socket: a third of TCP's cost for small queries.
      host: postgres.socketDir,
      port: postgres.port,
      user: username,
      password: decodeURIComponent(password),
      database: pathname.slice(1),
    },
    upstream: () =>
      Deno.connect({
        transport: "unix",
        path: join(postgres.socketDir, `.s.PGSQL.${postgres.port}`),
      }),
    ...{ host: "127.0.0.1", port: postgres.port },
    description: `embedded Postgres ${postgres.majorVersion} in ${postgres.clusterPath}`,
  };
}

export function externalDatabase(databaseUrl: string): Database {
  const url = new URL(databaseUrl);
  const host = decodeURIComponent(url.searchParams.get("host") ?? url.hostname) || "127.0.0.1";
  const port = Number(url.port || url.searchParams.get("port") || 5432);
  const encryption = encryptionOf(url);
  return {
    url: databaseUrl,
    connection: { connectionString: databaseUrl },
    upstream: () =>
      isAbsolute(host)
        ? Deno.connect({ transport: "unix", path: join(host, `.s.PGSQL.${port}`) })
        : connectUpstream({ host: host.replace(/^\[|\]$/g, ""), port, encryption }),
    ...{ host: host.replace(/^\[|\]$/g, ""), port },
    description: `Postgres at ${host}:${port}`,
  };
}

function encryptionOf(url: URL): "none" | "verified" {
  const mode = url.searchParams.get("sslmode") ?? "disable";
  switch (mode) {
    // `prefer` promises nothing, and loopback needs nothing.
    case "disable":
    case "allow":
    case "prefer":
      return "none";
    case "require":
    case "verify-ca":
    case "verify-full":
      return "verified";
    default:
      throw new OrlaError("invalid_option", `DATABASE_URL: sslmode=${mode} is not supported`, {
        hint: "Use sslmode=verify-full, or disable on a private network.",
      });
  }
}

/**
 * Connections of the platform's own. The pool looks after idle ones and replaces those that break;
 * whoever uses one learns it from the query that fails. Without listeners, a break between two queries
 * would end the process.
 */
export function openPool(
  database: Database,
  log: Logger,
  config: PoolConfig & { readonly max: number; readonly application_name: string },
): pg.Pool {
  const pool = new pg.Pool({ ...database.connection, ...config });
  pool.on("connect", (client) => client.on("error", () => {}));
  pool.on("error", (error) => log.warn("an idle database connection broke", { error }));
  return pool;
}
