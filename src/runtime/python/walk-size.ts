export interface SizeLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Ends the walk; what it says then means nothing. */
  readonly signal: AbortSignal;
}

/** Asked for at the same time: each waits for a thread. */
const AT_ONCE = 64;

/**
 * Whether what lies below a directory takes at most so many bytes, and is at most so many files and
 * directories. Stops as soon as it is too much. What cannot be looked at, such as a nest too deep for a
 * path, is too much; what has gone meanwhile is nothing.
 */
export async function walkSize(
  root: string,
  { maxBytes, maxEntries, signal }: SizeLimits,
): Promise<boolean> {
  let [bytes, entries] = [0, 0];
  const waiting = [root];
  try {
    for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
      const files: string[] = [];
      for await (const { name, isDirectory, isSymlink } of list(directory)) {
        if (++entries > maxEntries || signal.aborted) return false;
        const path = `${directory}/${name}`;
        if (isDirectory) waiting.push(path);
        else if (!isSymlink) files.push(path);
      }
      for (let i = 0; i < files.length; i += AT_ONCE) {
        for (const size of await Promise.all(files.slice(i, i + AT_ONCE).map(sizeOf))) {
          bytes += size;
        }
        if (bytes > maxBytes || signal.aborted) return false;
      }
    }
  } catch {
    return false;
  }
  return true;
}

async function* list(directory: string): AsyncGenerator<Deno.DirEntry> {
  try {
    yield* Deno.readDir(directory);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** What it takes on disk: a file with holes is no larger than its parts. */
async function sizeOf(path: string): Promise<number> {
  try {
    const { size, blocks } = await Deno.lstat(path);
    return blocks === null ? size : blocks * 512;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
