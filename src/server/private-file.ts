/** Files that hold secrets: only their owner reads them, and a reader never sees half of one. */
import { dirname, join } from "node:path";

/** Replaces the file as a whole (write beside it, then rename), mode 0600. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${crypto.randomUUID()}.draft`);
  try {
    await Deno.writeTextFile(draft, text, { mode: 0o600, createNew: true });
    await Deno.rename(draft, path);
  } catch (thrown) {
    await Deno.remove(draft).catch(() => {});
    throw thrown;
  }
}

/** The file's text, or `null` when there is none. */
export async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  }
}
