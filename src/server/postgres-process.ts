/** One run of the embedded Postgres' main process ("postmaster"), from spawn to its end. */
import { OrlaError } from "../base/errors.ts";
import { type Account, childEnvironment } from "./account.ts";
import type { CappedLog } from "./capped-log.ts";
import type { Reaper } from "./reaper.ts";

export interface PostgresProcess {
  readonly pid: number;
  /** Resolves when the process has ended. Its backends may live on for a while. */
  readonly ended: Promise<void>;
  /** Sends the signal unless it has ended. */
  signal(name: "SIGINT" | "SIGQUIT" | "SIGKILL"): void;
}

export interface SpawnPostgresOptions {
  readonly program: string;
  readonly clusterPath: string;
  readonly clusterName: string;
  readonly socketDir: string;
  readonly port: number;
  readonly account: Account | null;
  readonly reaper: Reaper;
  readonly serverLog: CappedLog;
  /** Ends the wait for readiness. */
  readonly signal?: AbortSignal;
}

/** Someone else took the port between our look and Postgres' bind. */
export class PortTakenError extends Error {}

/** Replaying the log of a busy server after a crash can take minutes; this is "never". */
const START_DEADLINE_MS = 600_000;
/** What has been written is in the pipe when the process has ended; reading it takes no time. */
const LAST_WORDS_MS = 250;
/** Shown with a failed start. */
const LAST_LINES = 8;

/** Resolves when Postgres accepts connections. */
export async function spawnPostgres(options: SpawnPostgresOptions): Promise<PostgresProcess> {
  const child = new Deno.Command(options.program, {
    args: [
      // These five are the node's own; everything else is in postgresql.conf.
      ...["-D", options.clusterPath, "-k", options.socketDir, "-p", String(options.port)],
      ...["-c", "listen_addresses=127.0.0.1", "-c", `cluster_name=${options.clusterName}`],
      ...["-c", "logging_collector=off", "-c", "log_destination=stderr"],
    ],
    cwd: options.clusterPath,
    clearEnv: true,
    env: childEnvironment,
    ...options.account ?? {},
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    // Its own session: Ctrl-C in the terminal is for the node, which stops Postgres last.
    detached: true,
  }).spawn();
  options.reaper.watch(child.pid, "INT");

  const ready = Promise.withResolvers<void>();
  const lastLines: string[] = [];
  let portTaken = false;
  const drained = options.serverLog.drain(child.stderr, (line) => {
    if (line.includes("database system is ready to accept connections")) ready.resolve();
    if (/could not bind .*: Address already in use/.test(line)) portTaken = true;
    lastLines.push(line);
    if (lastLines.length > LAST_LINES) lastLines.shift();
  });
  let hasEnded = false;
  const ended = (async () => {
    await child.status;
    hasEnded = true;
    options.reaper.release(child.pid);
  })();
  // A backend that lives on holds the output open: wait for the last words, but not for its end.
  ended.then(() => atMost(LAST_WORDS_MS, drained)).then(() => {
    if (portTaken) return ready.reject(new PortTakenError(`port ${options.port} is taken`));
    const fatal = lastLines.findLast((line) => /FATAL|PANIC|error/.test(line)) ?? "";
    ready.reject(
      new OrlaError("unavailable", `the embedded Postgres does not start: ${reason(fatal)}`, {
        detail: lastLines.join("\n"),
        hint: "Its log is postgres.log in the data directory.",
      }),
    );
  });

  const process: PostgresProcess = {
    pid: child.pid,
    ended,
    signal(name) {
      if (!hasEnded) child.kill(name);
    },
  };
  const deadline = setTimeout(
    () => ready.reject(new OrlaError("unavailable", "the embedded Postgres does not get ready")),
    START_DEADLINE_MS,
  );
  const abort = () => ready.reject(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    options.signal?.throwIfAborted();
    await ready.promise;
    return process;
  } catch (thrown) {
    process.signal("SIGINT");
    await ended;
    throw thrown;
  } finally {
    clearTimeout(deadline);
    options.signal?.removeEventListener("abort", abort);
  }
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([work, late]);
  clearTimeout(timer);
}

/** The sentence of a log line, without time and process id. */
function reason(line: string): string {
  return line.replace(/^.*?(FATAL|PANIC):\s*/, "") || "it ended without a word";
}
