/** The documents that are tested, by their paths from the root of the repository. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));

export const documents: readonly string[] = [
  "README.md",
  ...[...Deno.readDirSync(join(root, "docs"))]
    .filter(({ name }) => name.endsWith(".md")).map(({ name }) => `docs/${name}`).sort(),
];

/** Its commands install programs and take minutes; `bench/` has tests of its own. */
const NOT_RUN = ["docs/performance.md"];

/** Those whose commands are run. */
export const runnable: readonly string[] = documents.filter((path) => !NOT_RUN.includes(path));
