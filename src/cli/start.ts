/** `orla start`: runs a node until it is asked to stop. */
import { banner } from "../server/banner.ts";
import { loadConfig } from "../server/config.ts";
import { type Orla, startOrla } from "../server/main.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { print, printError } from "./terminal.ts";

/** A closed terminal counts as being asked to stop. */
const STOP_SIGNALS: readonly Deno.Signal[] = ["SIGTERM", "SIGINT", "SIGHUP"];

export async function start(
  flags: Readonly<Record<string, string>>,
  configFile: string | undefined,
): Promise<ExitCode> {
  const startedAt = performance.now();
  const workingDirectory = Deno.cwd();
  const config = await loadConfig({
    flags,
    env: Deno.env.toObject(),
    workingDirectory,
    ...configFile === undefined ? {} : { configFile },
  });
  const stop = stopRequested();
  const starting = startOrla(config, (line) => printError(line.trimEnd()));
  const orla = await Promise.race([starting, stop.then(() => null)]);
  if (orla === null) return await abandon(starting);
  if (config.logFormat === "text") {
    print(banner({ orla, config, workingDirectory, startMs: performance.now() - startedAt }));
  }
  await stop;
  if (config.logFormat === "text") {
    printError("Stopping: running calls finish first. Once more to stop at once.");
  }
  await orla[Symbol.asyncDispose]();
  return exitCodes.ok;
}

/** Whatever the start has come to by now is taken apart in order. */
async function abandon(starting: Promise<Orla>): Promise<ExitCode> {
  const orla = await starting;
  await orla[Symbol.asyncDispose]();
  return exitCodes.ok;
}

/**
 * A Ctrl-C under `npm start` arrives twice, from the terminal and from npm: this close together, two
 * signals are one.
 */
const SAME_REQUEST_MS = 500;

/** The first signal resolves; a later one ends the process, and the reaper does the rest. */
function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    let askedAt: number | undefined;
    for (const signal of STOP_SIGNALS) {
      Deno.addSignalListener(signal, () => {
        const now = performance.now();
        if (askedAt !== undefined && now - askedAt > SAME_REQUEST_MS) Deno.exit(exitCodes.failed);
        askedAt ??= now;
        resolve();
      });
    }
  });
}
