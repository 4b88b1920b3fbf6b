/** `orla start`: runs a node until it is asked to stop. */
import { banner } from "../server/banner.ts";
import { loadConfig } from "../server/config.ts";
import { type Orla, startOrla } from "../server/main.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { print, printError } from "./terminal.ts";

/** A closed terminal counts as being asked to stop, unless `nohup` or the like says otherwise. */
function stopSignals(): readonly Deno.Signal[] {
  return isHangupIgnored() ? ["SIGTERM", "SIGINT"] : ["SIGTERM", "SIGINT", "SIGHUP"];
}

/** Listening would undo it. Only Linux tells; signal 1 is the mask's lowest bit. */
function isHangupIgnored(): boolean {
  if (Deno.build.os !== "linux") return false;
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return mask !== undefined && (parseInt(mask.slice(-1), 16) & 1) === 1;
}

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
    for (const signal of stopSignals()) {
      Deno.addSignalListener(signal, () => {
        const now = performance.now();
        if (askedAt !== undefined && now - askedAt > SAME_REQUEST_MS) Deno.exit(exitCodes.failed);
        askedAt ??= now;
        resolve();
      });
    }
  });
}
