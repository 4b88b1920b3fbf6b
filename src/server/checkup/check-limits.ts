/** What the system lets this user have: open files and processes. */
import { type Check, notice, ok, problem } from "./check.ts";

/** Connections, listeners, the database's pool. */
const OWN_FILES = 512;
/** Its channel and two streams, here; some more while it starts. */
const FILES_OF_INSTANCE = 4;
/** Threads count as processes; Deno has four to eight. */
const THREADS_OF_INSTANCE = 8;
/** Then not even a few functions work beside a few clients. */
const LEAST_FILES = 256;
const LEAST_PROCESSES = 128;

export async function checkLimits(maxInstances: number): Promise<Check[]> {
  if (Deno.build.os !== "linux") {
    const says = "MEMORY, CPU_LIMIT and CPU_TIME are not enforced, and CPU time is not counted";
    return [notice("limits of functions", says, "run Orla on Linux")];
  }
  const limits = await Deno.readTextFile("/proc/self/limits");
  const hardLimit = (name: string) => {
    const word = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, "m").exec(limits)?.[1];
    return word === undefined || word === "unlimited" ? Infinity : Number(word);
  };
  const processes = Math.min(hardLimit("Max processes"), await groupLimit());
  return [
    compare("open files", hardLimit("Max open files"), {
      least: LEAST_FILES,
      wanted: OWN_FILES + maxInstances * FILES_OF_INSTANCE,
      remedy: "raise `ulimit -n` (systemd: LimitNOFILE=), or lower ORLA_MAX_INSTANCES",
    }),
    compare("processes", processes, {
      least: LEAST_PROCESSES,
      wanted: maxInstances * THREADS_OF_INSTANCE,
      remedy: "raise `ulimit -u` or the container's pids limit, or lower ORLA_MAX_INSTANCES",
    }),
  ];
}

interface Wanted {
  readonly least: number;
  /** With ORLA_MAX_INSTANCES instances at once. */
  readonly wanted: number;
  readonly remedy: string;
}

function compare(name: string, limit: number, { least, wanted, remedy }: Wanted): Check {
  const shown = limit === Infinity ? "without a limit" : `${limit} at most`;
  if (limit < least) return problem(name, `${shown}; no fewer than ${least} will do`, remedy);
  if (limit < wanted) {
    return notice(name, `${shown}; all instances together want ${wanted}`, remedy);
  }
  return ok(name, shown);
}

/** Of the control group that a container or service manager put us in. */
async function groupLimit(): Promise<number> {
  try {
    const groups = await Deno.readTextFile("/proc/self/cgroup");
    const unified = /^0::(.*)$/m.exec(groups)?.[1];
    const pids = /^\d+:(?:[^:]*,)?pids(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1];
    const path = pids === undefined ? `/sys/fs/cgroup${unified}` : `/sys/fs/cgroup/pids${pids}`;
    const word = (await Deno.readTextFile(`${path}/pids.max`)).trim();
    return word === "max" ? Infinity : Number(word);
  } catch {
    return Infinity; // no account is kept here
  }
}
