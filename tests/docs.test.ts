/**
 * The documentation does what it says. Each document has an Orla of its own; its fences run from top
 * to bottom, as a reader would follow them:
 *
 * - `sql` on one connection through the SQL gateway; a statement that is to fail says so in a
 *   comment, `-- ERROR 22023`
 * - `sh` in bash, with `bin` on the path; a last command that is to fail says `# exit 3`
 * - `js` and `ts` must compile as the code of a function, `ts` is type-checked; with `run` they are
 *   programs, and are run
 * - `text` below one of these is what it prints, `…` standing for anything
 * - `js hello.mjs` is a file of that name beside the shell, as a reader would save it
 * - `json` is JSON; `json orla.json` a configuration
 *
 * What cannot run here is marked `no-run`, and a comment above says why.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { compileModule } from "../src/functions/compile.ts";
import { loadConfig } from "../src/server/config.ts";
import { matchesOutput } from "./docs/expected-output.ts";
import { type Fence, fencesOf } from "./docs/markdown.ts";
import { root, runnable } from "./docs/documents.ts";
import { missingPrograms, type Ran, Shell } from "./docs/shell.ts";
import { SqlSession } from "./docs/sql-session.ts";
import { type OrlaProcess, startOrlaProcess } from "./orla.ts";
import { installSdk } from "./sdk-package.ts";

/** Languages that only show something, on their own. */
const SHOWN = ["text", "ebnf", "yaml", "ini", "rust"];

for (const path of runnable) {
  const fences = fencesOf(Deno.readTextFileSync(join(root, path)));
  const commands = fences.filter(({ language }) => language === "sh").map(({ text }) => text);
  const missing = missingPrograms(commands.join("\n"));
  const name = `${path} does what it says`;
  if (fences.some(mayRun)) {
    Deno.test({
      name: missing.length === 0 ? name : `${name} (skipped: needs ${missing.join(", ")})`,
      ignore: missing.length > 0,
      fn: (t) => follow(path, fences, t),
    });
  }
}

function mayRun({ language, flags }: Fence): boolean {
  return !SHOWN.includes(language) && !flags.includes("no-run");
}

/** Its reader has installed the package. */
const SDK_DOCUMENT = "docs/sdk.md";

async function follow(path: string, fences: readonly Fence[], t: Deno.TestContext): Promise<void> {
  await using orla = await startOrlaProcess();
  await using sql = await SqlSession.open(orla.sqlUrl);
  const scratchDir = await Deno.makeTempDir({ prefix: "orla-docs-" });
  // The README is read in a checkout, where `bin/orla` is; the guides with `orla` on the path.
  const directory = path === "README.md" ? root : scratchDir;
  const shell = new Shell({ directory, scratchDir, env: environment(orla) });
  const reader: Reader = { orla, sql, shell, scratchDir };
  try {
    if (path === SDK_DOCUMENT) await installSdk(scratchDir);
    for (const fence of fences) {
      if (fence.flags.includes("no-run")) {
        assert.match(fence.comment ?? "", /^no-run: .{10}/, `line ${fence.line} does not say why`);
      } else if (mayRun(fence)) {
        const output = fences.find(({ language, follows }) =>
          language === "text" && follows === fence
        );
        await t.step(`line ${fence.line}: ${fence.language}`, () => run(fence, output, reader));
      }
    }
  } finally {
    await Deno.remove(scratchDir, { recursive: true });
  }
}

interface Reader {
  readonly orla: OrlaProcess;
  readonly sql: SqlSession;
  readonly shell: Shell;
  readonly scratchDir: string;
}

function environment(orla: OrlaProcess): Record<string, string> {
  return { PATH: `${join(root, "bin")}:${Deno.env.get("PATH")}`, ORLA_DATA_DIR: orla.dataDir };
}

async function run(fence: Fence, expected: Fence | undefined, reader: Reader): Promise<void> {
  switch (fence.language) {
    case "sql":
      return await runSql(fence, expected, reader);
    case "sh":
      return await runShell(fence, expected, reader);
    case "js":
    case "ts":
      return await runCode(fence, expected, reader);
    case "json":
      return await readJson(fence, reader);
    default:
      throw new Error(`nobody knows what a fence of ${fence.language} is for`);
  }
}

/** Records of calls are written five times a second: a reader types slower than a test. */
const RECORDS = /system\.edge_function_(executions|logs)/;
const RECORDS_DEADLINE_MS = 5_000;

async function runSql(
  fence: Fence,
  expected: Fence | undefined,
  { sql }: Reader,
): Promise<void> {
  const giveUpAt = performance.now() + (RECORDS.test(fence.text) ? RECORDS_DEADLINE_MS : 0);
  for (;;) {
    const { output, surprises } = await sql.run(fence.text);
    assert.deepEqual(surprises, []);
    if (expected === undefined || matchesOutput(output, expected.text)) return;
    if (performance.now() > giveUpAt) return compare(output, expected);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function runShell(
  fence: Fence,
  expected: Fence | undefined,
  { shell, orla }: Reader,
): Promise<void> {
  const ran = await shell.run(reachable(fence.text, orla));
  checkEnd(ran, Number(/# exit (\d+)$/m.exec(fence.text)?.[1] ?? 0));
  compare(ran.output, expected, orla);
}

async function runCode(
  fence: Fence,
  expected: Fence | undefined,
  { orla, scratchDir }: Reader,
): Promise<void> {
  const language = fence.language === "ts" ? "typescript" : "javascript";
  const saved = fence.flags.find((flag) => flag.endsWith(".mjs"));
  const file = join(scratchDir, saved ?? `line-${fence.line}.${fence.language}`);
  await Deno.writeTextFile(file, reachable(fence.text, orla));
  if (saved !== undefined) return;
  const deno = async (...args: string[]): Promise<Ran> => {
    const command = new Deno.Command(Deno.execPath(), { args, env: environment(orla) });
    const { code, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  };
  if (language === "typescript") checkEnd(await deno("check", "--quiet", "--no-config", file), 0);
  if (!fence.flags.includes("run")) {
    compileModule({ code: fence.text, language, name: "documented", parameters: null });
    return;
  }
  const ran = await deno("run", "--quiet", "--no-config", "--allow-all", file);
  checkEnd(ran, 0);
  compare(ran.output, expected, orla);
}

async function readJson(fence: Fence, { scratchDir }: Reader): Promise<void> {
  JSON.parse(fence.text);
  if (!fence.flags.includes("orla.json")) return;
  const configFile = join(scratchDir, "orla.json");
  await Deno.writeTextFile(configFile, fence.text);
  await loadConfig({ flags: {}, env: {}, workingDirectory: scratchDir, configFile });
}

/** The documents use the ports everybody has; this Orla has others. */
function reachable(text: string, { http, sqlUrl }: OrlaProcess): string {
  return text.replaceAll("http://127.0.0.1:8000", http)
    .replaceAll("ws://127.0.0.1:8000", http.replace("http:", "ws:"))
    .replaceAll("127.0.0.1:5433", new URL(sqlUrl).host);
}

function compare(actual: string, expected: Fence | undefined, orla?: OrlaProcess): void {
  if (expected === undefined) return;
  const text = orla === undefined ? expected.text : reachable(expected.text, orla);
  if (!matchesOutput(actual, text)) assert.equal(actual.trim(), text.trim());
}

function checkEnd({ code, output }: Ran, expected: number): void {
  assert.equal(code, expected, `ended with ${code}, not ${expected}:\n${output}`);
}
