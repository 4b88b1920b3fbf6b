/**
 * `orla sql`: SQL through the node's gateway. psql does it where it is installed; otherwise a small
 * client of our own does, with the essentials of psql's output.
 */
import pg from "pg";
import type { SqlOptions } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findNode, notRunningMessage } from "./running-node.ts";
import { openPrompt } from "./sql-prompt.ts";
import { SqlRunner } from "./sql-runner.ts";
import { mentionsFile } from "./sql-source.ts";
import { printError } from "./terminal.ts";

export async function sql(
  statement: string | undefined,
  options: SqlOptions,
): Promise<ExitCode> {
  if (
    [statement, options.command, options.file].filter((given) => given !== undefined).length > 1
  ) {
    printError("orla: give one of: a statement, --command or --file");
    return exitCodes.usage;
  }
  const sighting = await findNode(options);
  if (sighting.is === "absent") {
    printError(notRunningMessage(sighting.dataDir));
    return exitCodes.notRunning;
  }
  if (sighting.is === "starting") {
    printError(`Orla (pid ${sighting.pid}) is starting or stopping; try again.`);
    return exitCodes.failed;
  }
  const text = statement ?? options.command;
  const url = new URL(sighting.state.sql);
  // psql would send `SOURCE 'file:…'` as it stands.
  if (options.psql && !await sendsFiles(text, options.file)) {
    const code = await runPsql(url, text, options.file);
    if (code !== null) return code;
  }
  return await runOwn(url, text, options.file);
}

async function sendsFiles(text: string | undefined, file: string | undefined): Promise<boolean> {
  if (text !== undefined) return mentionsFile(text);
  // What comes through a pipe is read once, by whoever runs it.
  if (file === undefined || file === "-") return false;
  return mentionsFile(await Deno.readTextFile(file).catch(() => ""));
}

/** `null` when there is no psql. The password goes by environment: arguments are public. */
async function runPsql(
  url: URL,
  text: string | undefined,
  file: string | undefined,
): Promise<ExitCode | null> {
  const args = text !== undefined
    ? ["-c", text]
    : file !== undefined
    ? ["-v", "ON_ERROR_STOP=1", "-f", file]
    : [];
  const env = {
    PGHOST: url.hostname.replace(/^\[|\]$/g, ""),
    PGPORT: url.port,
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
    PGAPPNAME: "orla sql",
  };
  // Ctrl-C reaches psql too, which cancels its query; we only wait for it.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const child = new Deno.Command("psql", {
      args,
      env,
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    return (await child.status).success ? exitCodes.ok : exitCodes.failed;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}

async function runOwn(
  url: URL,
  text: string | undefined,
  file: string | undefined,
): Promise<ExitCode> {
  const client = new pg.Client({ connectionString: url.href, application_name: "orla sql" });
  // A server that goes away is told by the query that fails of it.
  client.on("error", () => {});
  await client.connect();
  try {
    const runner = new SqlRunner(client);
    if (text !== undefined) return await runner.run(text) ? exitCodes.ok : exitCodes.failed;
    if (file !== undefined) return await runner.runScript(await readScript(file));
    if (Deno.stdin.isTerminal()) return await openPrompt(runner);
    return await runner.runScript(await readScript("-"));
  } finally {
    await client.end();
  }
}

async function readScript(file: string): Promise<string> {
  if (file === "-") return await new Response(Deno.stdin.readable).text();
  return await Deno.readTextFile(file);
}
