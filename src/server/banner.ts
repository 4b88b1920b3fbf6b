/** What `orla start` shows when the node is ready: where it is, and commands that work as they stand. */
import { join, relative } from "node:path";
import type { Config } from "./config.ts";
import { lowestLevel } from "../runtime/confinement/sandbox-report.ts";
import type { Orla } from "./main.ts";
import { missingBelow } from "./sandbox-requirement.ts";

export interface BannerOptions {
  readonly orla: Orla;
  readonly config: Config;
  readonly workingDirectory: string;
  readonly startMs: number;
}

/** Holds no secret: the commands ask the node's own files for keys and passwords. */
export function banner({ orla, config, workingDirectory, startMs }: BannerOptions): string {
  const { state, about } = orla;
  const sql = new URL(state.sql);
  sql.password = "";
  const command = commandName(workingDirectory);
  const elsewhere = config.dataDir === join(workingDirectory, ".orla")
    ? ""
    : ` --data-dir ${shellQuote(config.dataDir)}`;
  const get = (what: string) => `"$(${command} get ${what}${elsewhere})"`;
  const lines = [
    `Orla ${about.version} is ready (${Math.round(startMs)} ms).`,
    "",
    `  HTTP      ${state.http}`,
    `  SQL       ${sql.href}`,
    `  database  ${about.database}`,
    `  data      ${config.dataDir}`,
    `  sandbox   ${sandboxLevel(about.sandbox)}`,
    `            ${confinementLevel(about.confinement)}`,
    ...unconfinedPython(about.confinement, config),
    "",
    `  psql ${get("sql")}`,
    `  curl -H apikey:${get("anon-key")} ${state.http}/functions/v1/hello`,
  ];
  if (about.hasNoFunctions) {
    lines.push(
      "",
      "  No function exists yet. A first one, in psql:",
      "    CREATE EDGE FUNCTION hello LANGUAGE javascript AS $$",
      "      export default { fetch: () => new Response('Hello!') }",
      "    $$;",
    );
  }
  return lines.join("\n");
}

/** Says what is enforced, and what is not. */
function sandboxLevel(sandbox: Orla["about"]["sandbox"]): string {
  const memory = sandbox.memoryByKernel
    ? "memory limited by the kernel"
    : sandbox.memoryByPolling
    ? "memory watched"
    : "memory NOT limited";
  const files = sandbox.files ? "files limited" : "files NOT limited";
  return `a process per instance, Deno permissions, ${memory}, ${files}`;
}

/** The kernel's part. What is missing is a reason to look closer, not to be alarmed at each start. */
function confinementLevel(report: Orla["about"]["confinement"]): string {
  const [first] = missingBelow(report, 3);
  const rest = first === undefined ? "" : `; not enforced: ${first.what} (${first.why})`;
  return `confinement level ${lowestLevel(report)} of 3${rest}; see \`orla doctor\``;
}

/** Loud, as it is a hole that was asked for. */
function unconfinedPython(report: Orla["about"]["confinement"], config: Config): string[] {
  if (report.python.level >= 1 || !config.pythonUnconfined) return [];
  return ["            PYTHON IS NOT CONFINED: its functions may do whatever this process may"];
}

/** As the user can type it here. */
function commandName(workingDirectory: string): string {
  const path = join(import.meta.dirname ?? "", "..", "..", "bin", "orla");
  const short = relative(workingDirectory, path);
  return short.startsWith("..") ? "orla" : short;
}

function shellQuote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
