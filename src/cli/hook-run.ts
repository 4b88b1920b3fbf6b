/** `orla hook run`: calls every function of a hook, and tells what became of each. */
import type { HookResult } from "../../sdk/src/hooks.ts";
import type { HookRunOptions } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { readJson } from "./json-input.ts";
import { nodeClient } from "./node-client.ts";
import { print, printError } from "./terminal.ts";

export async function hookRun(
  hook: string,
  context: string | undefined,
  { json, ...connect }: HookRunOptions,
): Promise<ExitCode> {
  const given = await readJson(context, "the context");
  const node = await nodeClient(connect);
  if (node.client === null) return node.code;
  const results = await node.client.hooks.run(hook, given);
  if (json) print(JSON.stringify(results));
  else if (results.length === 0) printError(`No trigger is on the hook ${hook}.`);
  else for (const result of results) print(describe(result));
  const failed = results.some(({ status }) => status === "failed");
  return failed ? exitCodes.failed : exitCodes.ok;
}

function describe(result: HookResult): string {
  const outcome = result.status === "succeeded"
    ? JSON.stringify(result.result)
    : `${result.code}: ${result.error}`;
  return `${result.status.padEnd("succeeded".length)}  ${result.trigger}  ` +
    `${Math.round(result.durationMs)} ms  ${outcome}`;
}
