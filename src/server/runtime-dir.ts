/**
 * A node's private directory for sockets and the modules of running functions: short-lived, and
 * with a short path, because a unix socket's path has room for about a hundred bytes.
 */
import { basename, join } from "node:path";
import { OrlaError } from "../base/errors.ts";
import { removeTree } from "../base/remove-tree.ts";
import { readIfPresent, writePrivateFile } from "./private-file.ts";

/** `sun_path` holds 104 bytes on macOS, 108 on Linux; what we put below is at most this long. */
const LONGEST_SOCKET_PATH_BYTES = 100;
const LONGEST_NAME_BELOW = 40;

export interface RuntimeDir extends AsyncDisposable {
  readonly path: string;
}

export interface RuntimeDirOptions {
  /** Tried in turn. */
  readonly parents: readonly string[];
  /** Locked for this node. Remembers the directory, should node and reaper be killed together. */
  readonly dataDir: string;
}

/**
 * Makes `<parent>/orla-xxxxxxxx`. Other users may pass through it (0711) only when we are root and
 * have children of another uid; what lies in it has its own 0700 directories.
 */
export async function createRuntimeDir(
  { parents, dataDir }: RuntimeDirOptions,
): Promise<RuntimeDir> {
  const record = join(dataDir, "orla.runtime");
  await removeRecorded(record);
  const path = await makeFirstPossible(parents);
  await writePrivateFile(record, path + "\n");
  return {
    path,
    async [Symbol.asyncDispose]() {
      await removeTree(path);
      await Deno.remove(record).catch(ignoreAbsent);
    },
  };
}

/** What a node left that had no time to clean up. */
async function removeRecorded(record: string): Promise<void> {
  const path = (await readIfPresent(record))?.trim();
  if (path === undefined || !/^orla-[a-z0-9]{8}$/.test(basename(path))) return;
  try {
    // A name in /tmp may be somebody else's by now.
    if ((await Deno.lstat(path)).uid === Deno.uid()) await removeTree(path);
  } catch (thrown) {
    ignoreAbsent(thrown);
  }
}

async function makeFirstPossible(parents: readonly string[]): Promise<string> {
  const failures: string[] = [];
  for (const parent of parents) {
    const path = join(parent, `orla-${randomName()}`);
    if (new TextEncoder().encode(path).length + LONGEST_NAME_BELOW > LONGEST_SOCKET_PATH_BYTES) {
      failures.push(`${parent}: too long for unix sockets`);
      continue;
    }
    try {
      // Never an existing directory: /tmp is everybody's.
      await Deno.mkdir(path, { mode: 0o700 });
      if (Deno.uid() === 0) await Deno.chmod(path, 0o711);
      return path;
    } catch (cause) {
      failures.push(`${parent}: ${cause instanceof Error ? cause.message : cause}`);
    }
  }
  throw new OrlaError(
    "unavailable",
    `no directory for sockets could be made (${failures.join("; ")})`,
    { hint: "Make /tmp writable." },
  );
}

function randomName(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => letters[byte % letters.length]).join("");
}

function ignoreAbsent(thrown: unknown): void {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}
