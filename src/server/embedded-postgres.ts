/**
 * The Postgres that comes with Orla: a real server as a child process.
 *
 * It is *starting* until it accepts connections, then *running*. When it ends by itself it is
 * *down*: leftovers of it are ended and it is started again, after a pause that doubles from
 * {@link FIRST_PAUSE_MS} to {@link LONGEST_PAUSE_MS} as long as starts keep failing or a start does
 * not last; clients reconnect to the same port, socket and password. Disposing makes it *stopping*,
 * from any state, and nothing starts it after that.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Logger } from "../base/log.ts";
import type { Account } from "./account.ts";
import { openCappedLog } from "./capped-log.ts";
import { lockDataDir } from "./data-dir.ts";
import { findPostgresBinaries } from "./postgres-binaries.ts";
import {
  checkMajorVersion,
  initialiseCluster,
  locateCluster,
  setSuperuserPassword,
  SHARED_HOME,
} from "./postgres-cluster.ts";
import { endLeftovers } from "./postgres-leftovers.ts";
import { PortTakenError, type PostgresProcess, spawnPostgres } from "./postgres-process.ts";
import type { Reaper } from "./reaper.ts";

export interface EmbeddedPostgresOptions {
  /** Locked for this node. */
  readonly dataDir: string;
  /** Short; gets a directory for the socket. */
  readonly runtimeDir: string;
  /** The superuser's. */
  readonly password: string;
  /** A database that exists has another one, and is to take this. */
  readonly passwordIsNew: boolean;
  readonly reaper: Reaper;
  readonly log: Logger;
  readonly signal?: AbortSignal;
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** For any client on this machine. */
  readonly url: string;
  /** Holds the unix socket `.s.PGSQL.<port>`. */
  readonly socketDir: string;
  readonly port: number;
  /** Where the data is, which is not always inside the data directory. */
  readonly clusterPath: string;
  readonly majorVersion: string;
  /** Whom it runs as, when that is not us. */
  readonly account: Account | null;
  /** Of the present run; changes when Postgres had to be restarted. */
  pid(): number | null;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** A run of this length has nothing to do with what ended the one before. */
const STABLE_RUN_MS = 30_000;
/** Then a fast stop becomes an immediate one: nothing is lost, the next start replays the log. */
const STOP_DEADLINE_MS = 10_000;
const SERVER_LOG_CAP_BYTES = 10 * 2 ** 20;
const PORT_ATTEMPTS = 5;

export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { dataDir, runtimeDir, reaper, log } = options;
  await using started = new AsyncDisposableStack();
  const cluster = await locateCluster(dataDir);
  // A copied data directory names the same cluster as the original.
  if (cluster.home !== dataDir) started.use(await lockDataDir(cluster.home));
  const { account } = cluster;
  const binaries = await findPostgresBinaries({
    account,
    cacheDirs: Deno.uid() === 0 ? [SHARED_HOME, runtimeDir] : [dataDir],
    log,
  });
  if (cluster.isNew) {
    log.info("making the database", { directory: cluster.path });
    await initialiseCluster(cluster, {
      initdb: binaries.initdb,
      superuserPassword: options.password,
      scratchDir: runtimeDir,
    });
  }
  await checkMajorVersion(cluster, binaries.majorVersion);

  const serverLog = started.use(
    await openCappedLog(join(dataDir, "postgres.log"), SERVER_LOG_CAP_BYTES),
  );
  const socketDir = join(runtimeDir, "postgres");
  await Deno.mkdir(socketDir, { mode: 0o700 });
  if (account !== null) await Deno.chown(socketDir, account.uid, account.gid);

  // Short, unique on this machine, and the same after a restart: leftovers are known by it.
  const clusterName = "orla-" +
    createHash("sha256").update(cluster.path).digest("hex").slice(0, 12);
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const clearLeftovers = async () => {
    const leftovers = await endLeftovers({ clusterPath: cluster.path, clusterName });
    if (leftovers > 0) log.warn("ended what a dead Postgres had left", { processes: leftovers });
  };
  if (options.passwordIsNew && !cluster.isNew) {
    await clearLeftovers();
    await setSuperuserPassword(cluster, binaries.postgres, options.password);
    log.warn("the keys were gone: new ones were made, and the database took the new password");
  }
  const run = async (port: number) => {
    await clearLeftovers();
    return await spawnPostgres({
      program: binaries.postgres,
      clusterPath: cluster.path,
      clusterName,
      socketDir,
      port,
      account,
      reaper,
      serverLog,
      signal,
    });
  };
  let { process, port } = await onFreePort(run);
  let current: PostgresProcess | null = process;

  const supervised = (async () => {
    let pauseMs = FIRST_PAUSE_MS;
    while (true) {
      const startedAt = performance.now();
      await process.ended;
      current = null;
      if (stop.signal.aborted) return;
      if (performance.now() - startedAt > STABLE_RUN_MS) pauseMs = FIRST_PAUSE_MS;
      log.error("Postgres ended unexpectedly; starting it again");
      while (true) {
        await pause(pauseMs, stop.signal);
        if (stop.signal.aborted) return;
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
        try {
          process = await run(port);
          current = process;
          break;
        } catch (error) {
          if (stop.signal.aborted) return;
          log.error("Postgres cannot be restarted", { error });
        }
      }
      log.info("Postgres is back", { pid: process.pid });
    }
  })();
  started.defer(async () => {
    stop.abort(new Error("stopping"));
    current?.signal("SIGINT");
    const immediate = setTimeout(() => current?.signal("SIGQUIT"), STOP_DEADLINE_MS);
    await supervised;
    clearTimeout(immediate);
  });
  const owned = started.move();

  return {
    url: `postgres://postgres:${encodeURIComponent(options.password)}@127.0.0.1:${port}/postgres`,
    socketDir,
    port,
    clusterPath: cluster.path,
    majorVersion: binaries.majorVersion,
    account,
    pid: () => current?.pid ?? null,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Postgres cannot be told to pick a port, so we look for one and try again when it is gone. */
async function onFreePort(
  run: (port: number) => Promise<PostgresProcess>,
): Promise<{ process: PostgresProcess; port: number }> {
  for (let attempt = 1;; attempt++) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    try {
      return { process: await run(port), port };
    } catch (thrown) {
      if (!(thrown instanceof PortTakenError) || attempt === PORT_ATTEMPTS) throw thrown;
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
