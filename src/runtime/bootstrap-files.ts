/**
 * The code that runs inside an instance, as instances read it: JavaScript in one directory that any
 * user may read. Instances have no cache to keep compiled TypeScript in, and compiling it took
 * each of them 170 ms and 1.3 MB that stayed; done here once it takes the node 60 ms.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { typescriptToJavaScript } from "../functions/compile-typescript.ts";

const SOURCES = fileURLToPath(new URL("..", import.meta.url));
const MAIN = "sandbox/javascript/bootstrap.ts";

const importOfOurs = /((?:\bfrom|^import)\s+")(\.[^"]*)\.ts"/gm;

export interface BootstrapFiles {
  readonly directory: string;
  /** The main module of every instance. */
  readonly main: string;
}

/** Writes into `directory`, which it makes. */
export async function writeBootstrapFiles(directory: string): Promise<BootstrapFiles> {
  const written = new Set<string>();
  const write = async (path: string): Promise<void> => {
    if (written.has(path)) return;
    written.add(path);
    const code = await Deno.readTextFile(join(SOURCES, path));
    const imported: string[] = [];
    const javascript = typescriptToJavaScript({ name: path, code }, path).code.replace(
      importOfOurs,
      (_, before: string, specifier: string) => {
        imported.push(join(dirname(path), `${specifier}.ts`));
        return `${before}${specifier}.js"`;
      },
    );
    const target = join(directory, asJavaScript(path));
    await makeReadable(directory, dirname(asJavaScript(path)));
    await Deno.writeTextFile(target, javascript);
    await Deno.chmod(target, 0o644);
    await Promise.all(imported.map(write));
  };
  await write(MAIN);
  return { directory, main: join(directory, asJavaScript(MAIN)) };
}

function asJavaScript(path: string): string {
  return path.replace(/\.ts$/, ".js");
}

/** Whatever the umask: instances may have users of their own. */
async function makeReadable(directory: string, below: string): Promise<void> {
  let path = directory;
  for (const part of ["", ...below.split("/")]) {
    path = join(path, part);
    await Deno.mkdir(path, { recursive: true });
    await Deno.chmod(path, 0o755);
  }
}
