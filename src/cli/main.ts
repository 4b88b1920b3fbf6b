/**
 * The `orla` command. It only reads the command line and the exit code; `start` alone loads the
 * platform, so that the other commands answer at once.
 */
import { type Command, CommanderError } from "commander";
import { OrlaError as ClientError } from "../../sdk/src/error.ts";
import { OrlaError } from "../base/errors.ts";
import { type Actions, commandTree, type Shell } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { printError } from "./terminal.ts";

let exitCode: ExitCode = exitCodes.ok;

const actions: Actions = {
  async start(flags, configFile) {
    const { start } = await import("./start.ts");
    exitCode = await start(flags, configFile);
  },
  async status(options) {
    const { status } = await import("./status.ts");
    exitCode = await status(options);
  },
  async stop(options) {
    const { stop } = await import("./stop.ts");
    exitCode = await stop(options);
  },
  async doctor(options) {
    const { doctor } = await import("./doctor.ts");
    exitCode = await doctor(options);
  },
  async get(field, options) {
    const { get } = await import("./get.ts");
    exitCode = await get(field, options);
  },
  async sql(statement, options) {
    const { sql } = await import("./sql.ts");
    exitCode = await sql(statement, options);
  },
  async queueSend(queue, message, options) {
    const { queueSend } = await import("./queue-send.ts");
    exitCode = await queueSend(queue, message, options);
  },
  async hookRun(hook, context, options) {
    const { hookRun } = await import("./hook-run.ts");
    exitCode = await hookRun(hook, context, options);
  },
  async version() {
    const { version } = await import("./version.ts");
    await version();
  },
  async completion(shell: Shell) {
    const { completionScript } = await import("./completion.ts");
    const { print } = await import("./terminal.ts");
    print(completionScript(shell, program).trimEnd());
  },
};

const program = commandTree(actions).exitOverride();
// Subcommands exist already and do not inherit the override by themselves.
function overrideBelow({ commands }: Command): void {
  for (const command of commands) overrideBelow(command.exitOverride());
}
overrideBelow(program);

/** The option everybody tries first. */
const asksVersion = ["-V", "--version"].includes(Deno.args[0] ?? "");

try {
  await program.parseAsync(asksVersion ? ["version"] : Deno.args, { from: "user" });
} catch (thrown) {
  exitCode = report(thrown);
}
Deno.exit(exitCode);

function report(thrown: unknown): ExitCode {
  // Commander has printed its own message; help asked for ends with code 0.
  if (thrown instanceof CommanderError) {
    return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  if (thrown instanceof ClientError) {
    printError(`orla: ${thrown.message}`);
    for (const more of [thrown.detail, thrown.hint]) if (more !== undefined) printError(more);
    return exitCodes.failed;
  }
  if (thrown instanceof OrlaError) {
    printError(`orla: ${thrown.message}`);
    if (thrown.hint !== undefined) printError(thrown.hint);
    const isUsage = thrown.code === "invalid_option" || thrown.code === "not_supported";
    return isUsage ? exitCodes.usage : exitCodes.failed;
  }
  printError(`orla: ${thrown instanceof Error ? thrown.stack ?? thrown.message : thrown}`);
  return exitCodes.failed;
}
