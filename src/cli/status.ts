/** `orla status`: what the state file says, and what the node itself says of its health. */
import http from "node:http";
import https from "node:https";
import type { LocateOptions } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
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
  try {
    const { code, text } = await get(new URL("/readyz", base));
    return { ready: code === 200, detail: text.trim() };
  } catch (thrown) {
    return { ready: false, detail: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/**
 * The certificate is not checked: it is made for the name that clients use, and that this is our
 * own node the lock on its data directory has shown.
 */
function get(url: URL): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === "https:" ? https : http;
    const options = { rejectUnauthorized: false, timeout: READY_TIMEOUT_MS };
    const asked = request(url, options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => text += chunk);
      response.on("end", () => resolve({ code: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    asked.on("timeout", () => asked.destroy(new Error("the node does not answer")));
    asked.on("error", reject);
    asked.end();
  });
}

function withoutPassword(sqlUrl: string): string {
  const url = new URL(sqlUrl);
  url.password = "";
  return url.href;
}
