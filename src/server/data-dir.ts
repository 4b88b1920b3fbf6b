/**
 * The data directory belongs to one live node at a time: an advisory lock on `<data dir>/orla.lock`
 * says so. The kernel drops the lock with its holder, so a killed node leaves nothing to clean up.
 */
import { join } from "node:path";
import { OrlaError } from "../base/errors.ts";
import { readIfPresent } from "./private-file.ts";

const LOCK_FILE = "orla.lock";

/** `orla status` holds the lock for an instant to see whether it is free: try again this often. */
const LOCK_ATTEMPTS = 5;
const LOCK_RETRY_MS = 40;

/** Makes the directory if need be and locks it. Throws `unavailable` when another node has it. */
export async function lockDataDir(dataDir: string): Promise<AsyncDisposable> {
  try {
    // Root's Postgres runs as another user, who must be able to pass through. All files in it that
    // matter are 0600 or lie in 0700 directories.
    await Deno.mkdir(dataDir, { recursive: true, mode: Deno.uid() === 0 ? 0o711 : 0o700 });
  } catch (cause) {
    throw unusable(dataDir, cause);
  }
  let file: Deno.FsFile;
  const path = join(dataDir, LOCK_FILE);
  try {
    file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  } catch (cause) {
    throw unusable(dataDir, cause);
  }
  for (let attempt = 1; !await file.tryLock(true); attempt++) {
    if (attempt === LOCK_ATTEMPTS) {
      file.close();
      const holder = (await readIfPresent(path))?.trim();
      throw new OrlaError(
        "unavailable",
        `the data directory ${dataDir} is in use by another Orla${
          holder ? ` (pid ${holder})` : ""
        }`,
        {
          hint: "Stop it with `orla stop`, or give this one a directory and ports of its own " +
            "(ORLA_DATA_DIR, ORLA_HTTP_PORT, ORLA_SQL_PORT).",
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
  }
  await file.truncate(0);
  await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
  return {
    async [Symbol.asyncDispose]() {
      await file.truncate(0);
      file.close();
    },
  };
}

/** Whether a live node holds the directory, and which. */
export async function lockHolder(dataDir: string): Promise<number | null> {
  const path = join(dataDir, LOCK_FILE);
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw unusable(dataDir, thrown);
  }
  try {
    // A shared lock: any number may look at the same time.
    if (await file.tryLock(false)) return null;
    return Number.parseInt(await Deno.readTextFile(path)) || null;
  } finally {
    file.close();
  }
}

function unusable(dataDir: string, cause: unknown): OrlaError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OrlaError("unavailable", `cannot use the data directory ${dataDir}: ${why}`, {
    cause,
    hint: "Choose another with ORLA_DATA_DIR.",
  });
}
