/** `orla stop`: asks the node to drain and waits until it is gone. */
import { lockHolder } from "../server/data-dir.ts";
import type { LocateOptions } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findNode, notRunningMessage } from "./running-node.ts";
import { print, printError } from "./terminal.ts";

const POLL_MS = 25;
/** Then say that it still runs, so that nobody thinks the command hangs. */
const NOTICE_AFTER_MS = 2_000;

export async function stop(options: LocateOptions): Promise<ExitCode> {
  const sighting = await findNode(options);
  const { dataDir } = sighting;
  if (sighting.is === "absent") {
    printError(notRunningMessage(dataDir));
    return exitCodes.notRunning;
  }
  const pid = sighting.is === "running" ? sighting.state.pid : sighting.pid;
  try {
    Deno.kill(pid, "SIGTERM");
  } catch (thrown) {
    if (thrown instanceof Deno.errors.PermissionDenied) {
      printError(`Orla (pid ${pid}) belongs to another user; stop it as that user or as root.`);
      return exitCodes.failed;
    }
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  const askedAt = performance.now();
  let told = false;
  // Another node may take the directory the moment this one is gone: that counts as stopped.
  while (await lockHolder(dataDir) === pid) {
    if (!told && performance.now() - askedAt > NOTICE_AFTER_MS) {
      print("Waiting for running calls to finish …");
      told = true;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  print(`Orla has stopped (pid ${pid}).`);
  return exitCodes.ok;
}
