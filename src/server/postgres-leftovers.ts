/**
 * What a Postgres that died leaves behind, and that would keep the next one from starting: orphaned
 * processes attached to its shared memory, and a `postmaster.pid` whose number is another process's
 * by now (in containers the same few numbers come up again at every start).
 *
 * Only for the holder of the data directory's lock: then nobody else can own such a process.
 */
import { join } from "node:path";
import { readIfPresent } from "./private-file.ts";

/** A fast stop takes tens of milliseconds, a checkpoint of much data some seconds. */
const FAST_STOP_DEADLINE_MS = 10_000;
const POLL_MS = 20;

export interface LeftoverOptions {
  readonly clusterPath: string;
  /** As in Postgres' setting `cluster_name`: it stands in every process' title. */
  readonly clusterName: string;
}

/** Returns once no process of the cluster lives; says how many had to be ended. */
export async function endLeftovers(options: LeftoverOptions): Promise<number> {
  const pidFile = join(options.clusterPath, "postmaster.pid");
  const text = await readIfPresent(pidFile);
  if (text === null) return 0;
  const recorded = Number.parseInt(text);
  const leftovers = await clusterProcesses(options);
  if (leftovers.includes(recorded)) {
    signal(recorded, "SIGINT");
    await ended([recorded], FAST_STOP_DEADLINE_MS);
  }
  const stubborn = await clusterProcesses(options);
  for (const pid of stubborn) signal(pid, "SIGKILL");
  await ended(stubborn, FAST_STOP_DEADLINE_MS);
  // Postgres would take a living process of this number for its own predecessor. Otherwise the file
  // stays: it tells Postgres which shared memory to free.
  if ((await processTitles()).some(({ pid }) => pid === recorded)) {
    await Deno.remove(pidFile).catch((thrown) => {
      // The predecessor has removed it in its own stop.
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    });
  }
  return leftovers.length;
}

/** Everyone may read every process' title, also where root may not look into its working directory. */
async function clusterProcesses(options: LeftoverOptions): Promise<number[]> {
  const title = `postgres: ${options.clusterName}: `;
  const argument = ` -D ${options.clusterPath} `;
  const lines = await processTitles();
  return lines
    .filter(({ command }) =>
      command.startsWith(title) ||
      (/^\S*\/postgres -D /.test(command) && `${command} `.includes(argument))
    )
    .map(({ pid }) => pid);
}

interface ProcessTitle {
  readonly pid: number;
  readonly command: string;
}

async function processTitles(): Promise<ProcessTitle[]> {
  if (Deno.build.os !== "linux") {
    const { stdout } = await new Deno.Command("ps", { args: ["-axo", "pid=,command="] }).output();
    return new TextDecoder().decode(stdout).split("\n").map((line) => {
      const [, pid = "", command = ""] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
      return { pid: Number(pid), command };
    });
  }
  const titles: ProcessTitle[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const raw = await Deno.readTextFile(`/proc/${name}/cmdline`);
      titles.push({ pid, command: raw.replaceAll("\0", " ").trim() });
    } catch {
      // It has ended between the two reads.
    }
  }
  return titles;
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

/** Not our children: their end can only be looked for. */
async function ended(pids: readonly number[], deadlineMs: number): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (performance.now() < until) {
    const alive = (await processTitles()).some(({ pid, command }) =>
      pids.includes(pid) && command !== ""
    );
    if (!alive) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
