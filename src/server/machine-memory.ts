/** How much memory this process and its children may have, in bytes: the machine's, or a container's. */

/** Of control groups: version 2 as a container sees its own, version 1. */
const LIMITS = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

export async function availableMemoryBytes(): Promise<number> {
  const limits = await Promise.all(LIMITS.map(readLimit));
  return Math.min(Deno.systemMemoryInfo().total, ...limits);
}

/** "max" and, in version 1, a number beyond any machine stand for no limit. */
async function readLimit(path: string): Promise<number> {
  try {
    const bytes = Number((await Deno.readTextFile(path)).trim());
    return Number.isFinite(bytes) && bytes > 0 ? bytes : Infinity;
  } catch {
    return Infinity;
  }
}
