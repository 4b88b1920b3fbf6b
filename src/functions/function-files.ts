/**
 * FILES: what a function may read of the platform's files directory. Names are relative, lead nowhere
 * else, and name a file or a directory, which stands for all that is in it.
 */
import { OrlaError } from "../base/errors.ts";

export interface FunctionFile {
  /** As the function names it, relative to its working directory. */
  readonly name: string;
  /** Where it really lies. */
  readonly path: string;
}

/**
 * Where the files lie now. Throws `invalid_option` for a name that is none, a file that is missing or
 * that instances could not read, and where the node has no files directory. With `forEveryUser` the files
 * must be readable by every user of the machine, as instances with users of their own need.
 */
export async function resolveFiles(
  filesDir: string | null,
  names: readonly string[],
  { forEveryUser }: { readonly forEveryUser: boolean },
): Promise<FunctionFile[]> {
  if (names.length === 0) return [];
  if (filesDir === null) {
    throw new OrlaError(
      "invalid_option",
      "FILES cannot be used: this node has no files directory",
      {
        hint: "Start the node with ORLA_FILES_DIR set to the directory of such files.",
      },
    );
  }
  const root = await realPath(filesDir, "the directory ORLA_FILES_DIR");
  return await Promise.all(names.map(async (name) => {
    const words = `FILES: ${JSON.stringify(name)}`;
    const parts = name.split("/");
    if (
      name === "" || name.includes("\0") || parts.some((part) => ["", ".", ".."].includes(part))
    ) {
      throw new OrlaError("invalid_option", `${words} is no name of a file`, {
        hint: "Give names relative to the files directory, such as 'models/price.pkl'.",
      });
    }
    const path = await realPath(`${root}/${name}`, `${words}, below ${filesDir},`);
    if (!path.startsWith(`${root}/`)) {
      throw new OrlaError("invalid_option", `${words} leads out of the files directory`);
    }
    if (forEveryUser) await checkReadable(path, words);
    return { name, path };
  }));
}

async function realPath(path: string, what: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "does not exist"
      : `cannot be read: ${cause}`;
    throw new OrlaError("invalid_option", `${what} ${why}`, { cause });
  }
}

const READ_BY_OTHERS = 0o004;
const ENTER_BY_OTHERS = 0o001;

async function checkReadable(path: string, words: string): Promise<void> {
  const refuse = (place: string, mode: string) => {
    throw new OrlaError("invalid_option", `${words} cannot be read by instances`, {
      hint: `Each instance has a user of its own: chmod o+${mode} ${place}`,
    });
  };
  const { mode, isDirectory } = await Deno.stat(path);
  if (mode === null) return;
  if ((mode & READ_BY_OTHERS) === 0) refuse(path, isDirectory ? "rx" : "r");
  if (isDirectory && (mode & ENTER_BY_OTHERS) === 0) refuse(path, "rx");
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const directory = path.slice(0, end);
    const { mode } = await Deno.stat(directory);
    if (mode !== null && (mode & ENTER_BY_OTHERS) === 0) refuse(directory, "x");
  }
}
