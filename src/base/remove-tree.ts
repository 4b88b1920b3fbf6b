/**
 * Removes a directory that strangers have filled. `Deno.remove` goes down as deep as it is nested, on
 * its thread's stack, and some ten thousand levels end the process. Here what lies deeper is moved up
 * before it is looked into, so that no path grows and nothing recurses.
 */

/** What strangers may have taken from themselves. */
const ALL_RIGHTS = 0o700;

/** Nothing happens where there is none. Nobody may write in it any more. */
export async function removeTree(root: string): Promise<void> {
  const waiting = [root];
  let moved = 0;
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const entries = await list(directory);
    if (entries === null) return;
    for (const { name, isDirectory } of entries) {
      const path = `${directory}/${name}`;
      if (!isDirectory) await Deno.remove(path);
      else if (directory === root) waiting.push(path);
      else {
        // No name that anybody has given: they end up beside those of the root.
        const place = `${root}/${crypto.randomUUID()}-${moved++}`;
        await withRights(path, () => Deno.rename(path, place));
        waiting.push(place);
      }
    }
    if (directory !== root) await Deno.remove(directory);
  }
  await Deno.remove(root);
}

/** `null` where there is no such directory. */
async function list(directory: string): Promise<Deno.DirEntry[] | null> {
  try {
    return await withRights(directory, () => Array.fromAsync(Deno.readDir(directory)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function withRights<T>(directory: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    await Deno.chmod(directory, ALL_RIGHTS);
    return await act();
  }
}
