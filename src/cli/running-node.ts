/** Finds the node that runs with a data directory. */
import { findDataDir } from "../server/config.ts";
import { lockHolder } from "../server/data-dir.ts";
import { type NodeState, readStateFile } from "../server/state-file.ts";
import type { LocateOptions } from "./command-tree.ts";

/**
 * `running` has a state file; `starting` holds the directory's lock and has not written one yet;
 * `absent` leaves at most a stale file, which is not read.
 */
export type Sighting =
  | { readonly is: "running"; readonly dataDir: string; readonly state: NodeState }
  | { readonly is: "starting"; readonly dataDir: string; readonly pid: number }
  | { readonly is: "absent"; readonly dataDir: string };

export async function findNode(options: LocateOptions): Promise<Sighting> {
  const dataDir = await findDataDir({
    flags: options.dataDir === undefined ? {} : { "data-dir": options.dataDir },
    env: Deno.env.toObject(),
    workingDirectory: Deno.cwd(),
    ...options.config === undefined ? {} : { configFile: options.config },
  });
  // The kernel drops the lock with its holder: whoever has it is alive, and is an Orla.
  const pid = await lockHolder(dataDir);
  if (pid === null) return { is: "absent", dataDir };
  const state = await readStateFile(dataDir);
  return state?.pid === pid ? { is: "running", dataDir, state } : { is: "starting", dataDir, pid };
}

export function notRunningMessage(dataDir: string): string {
  return `Orla is not running with the data directory ${dataDir}.\n` +
    "Start it with `orla start`, or name another directory with --data-dir or ORLA_DATA_DIR.";
}
