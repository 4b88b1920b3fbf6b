/** pgbouncer with session pooling: the reference for what one more hop in front of Postgres costs. */
import { Child } from "../process.ts";
import { versionOf } from "../programs.ts";

/** `nobody`: pgbouncer refuses to run as root. */
const unprivileged = 65534;
const startTimeoutMs = 5000;

export interface PgBouncer extends AsyncDisposable {
  /** A `postgres://` URL through it, to the same database as the same user. */
  readonly url: string;
}

/** `undefined` when pgbouncer is not installed. */
export async function startPgBouncer(databaseUrl: string): Promise<PgBouncer | undefined> {
  if (await versionOf("pgbouncer") === undefined) return undefined;
  const directory = await Deno.makeTempDir({ prefix: "orla-bench-" });
  const port = freePort();
  await Deno.writeTextFile(`${directory}/pgbouncer.ini`, configuration(databaseUrl, port));
  const root = Deno.uid() === 0;
  if (root) {
    await Deno.chown(directory, unprivileged, unprivileged);
    await Deno.chown(`${directory}/pgbouncer.ini`, unprivileged, unprivileged);
  }
  const child = new Child({
    command: "pgbouncer",
    args: ["--quiet", `${directory}/pgbouncer.ini`],
    output: "ignored",
    ...(root ? { uid: unprivileged, gid: unprivileged } : {}),
  });
  const bouncer = {
    url: `postgres://${target(databaseUrl).user}@127.0.0.1:${port}/bench`,
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
  try {
    await connectable(port);
  } catch (error) {
    await bouncer[Symbol.asyncDispose]();
    throw error;
  }
  return bouncer;
}

interface Target {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** The parts of a connection URL; a socket directory may stand in `?host=`. */
export function target(databaseUrl: string): Target {
  const url = new URL(databaseUrl);
  return {
    host: url.searchParams.get("host") ?? decodeURIComponent(url.hostname),
    port: url.port || url.searchParams.get("port") || "5432",
    database: decodeURIComponent(url.pathname.slice(1)) || "postgres",
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

function configuration(databaseUrl: string, port: number): string {
  const { host, port: serverPort, database, user, password } = target(databaseUrl);
  const quote = (value: string) => `'${value.replaceAll("'", "''")}'`;
  const server = Object.entries({ host, port: serverPort, dbname: database, user, password })
    .map(([key, value]) => `${key}=${quote(value)}`).join(" ");
  return `[databases]
bench = ${server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = session
default_pool_size = 32
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
`;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function connectable(port: number): Promise<void> {
  for (const deadline = performance.now() + startTimeoutMs;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
