/** Whether the data directory can be written, and has room. */
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Check, messageOf, notice, ok, problem } from "./check.ts";

const MB = 2 ** 20;
/** An empty database with its log takes 80 MB. */
const LEAST_MB = 200;
/** Below this a busy database may be full before anyone looks. */
const COMFORTABLE_MB = 2048;

const CHOOSE = "choose another with ORLA_DATA_DIR, or give this user the right to write there";

export async function checkDataDir(dataDir: string): Promise<Check> {
  const name = "data directory";
  const existing = await nearestExisting(dataDir);
  const trial = join(existing, `.orla-doctor-${crypto.randomUUID()}`);
  try {
    await Deno.writeTextFile(trial, "", { createNew: true, mode: 0o600 });
    await Deno.remove(trial);
  } catch (thrown) {
    return problem(name, `${existing} cannot be written: ${messageOf(thrown)}`, CHOOSE);
  }
  return ok(
    name,
    existing === dataDir ? `${dataDir} can be written` : `${dataDir} is made at the start`,
  );
}

export async function checkDiskSpace(dataDir: string): Promise<Check> {
  const name = "disk space";
  const place = await nearestExisting(dataDir);
  const { bavail, bsize } = await statfs(place);
  const freeMb = Math.floor(bavail * bsize / MB);
  const says = `${freeMb} MB are free for ${place}`;
  const remedy = "make room, or choose another disk with ORLA_DATA_DIR";
  if (freeMb < LEAST_MB) return problem(name, `${says}; an empty database takes 80`, remedy);
  return freeMb < COMFORTABLE_MB ? notice(name, says, remedy) : ok(name, says);
}

/** The directory itself, or the one it would be made in. */
async function nearestExisting(path: string): Promise<string> {
  for (let place = path;; place = dirname(place)) {
    try {
      if ((await Deno.stat(place)).isDirectory || place === "/") return place;
    } catch {
      if (place === dirname(place)) return place;
    }
  }
}
