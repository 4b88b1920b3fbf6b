/** `orla status`: what the state file says, and what the node itself says of its health. */
import type { LocateOptions } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { fetchOwnNode } from "./own-node-fetch.ts";
import { findNode, notRunningMessage } from "./running-node.ts";
import { print } from "./terminal.ts";

/** A healthy node answers in a millisecond. */
const READY_TIMEOUT_MS = 3_000;

interface Readiness {
  readonly ready: boolean;
  /** What `/readyz` said, or why it could not be asked. */
  readonly detail: string;
}

export async function status(options: LocateOptions & { json?: true }): Promise<ExitCode> {
  const sighting = await findNode(options);
  if (sighting.is === "running") {
    const { state, dataDir } = sighting;
    const { ready, detail } = await askReady(state.http);
    const { pid, http } = state;
    const sql = withoutPassword(state.sql);
    if (options.json) {
      print(JSON.stringify({ running: true, ready, detail, pid, http, sql, dataDir }));
    } else {
      print(`Orla is ${ready ? "running" : "running, but not ready"} (pid ${pid}).`);
      if (!ready) print(`  reason  ${detail}`);
      print(`  HTTP    ${http}\n  SQL     ${sql}\n  data    ${dataDir}`);
    }
    return ready ? exitCodes.ok : exitCodes.failed;
  }
  if (options.json) {
    const pid = sighting.is === "starting" ? { pid: sighting.pid } : {};
    print(JSON.stringify({ running: false, ready: false, ...pid, dataDir: sighting.dataDir }));
  } else if (sighting.is === "starting") {
    print(`Orla is starting or stopping (pid ${sighting.pid}).`);
  } else {
    print(notRunningMessage(sighting.dataDir));
  }
  return sighting.is === "starting" ? exitCodes.failed : exitCodes.notRunning;
}

async function askReady(base: string): Promise<Readiness> {
  const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
  try {
    const answer = await fetchOwnNode(new URL("/readyz", base).href, { signal });
    return { ready: answer.ok, detail: (await answer.text()).trim() };
  } catch (thrown) {
    if (signal.aborted) return { ready: false, detail: "the node does not answer" };
    return { ready: false, detail: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

function withoutPassword(sqlUrl: string): string {
  const url = new URL(sqlUrl);
  url.password = "";
  return url.href;
}
