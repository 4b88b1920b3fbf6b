/** The client for a command's node: the one that runs with a data directory here, or one by its URL. */
import { OrlaClient } from "../../sdk/src/client.ts";
import type { ConnectOptions } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { fetchOwnNode } from "./own-node-fetch.ts";
import { findNode, notRunningMessage } from "./running-node.ts";
import { printError } from "./terminal.ts";

/** Whoever typed the command ends it with Ctrl-C. */
const timeoutMs = Infinity;

/** Without a client there is the exit code; the reason has been told. */
export type NodeClient =
  | { readonly client: OrlaClient }
  | { readonly client: null; readonly code: ExitCode };

export async function nodeClient({ url, ...located }: ConnectOptions): Promise<NodeClient> {
  if (url !== undefined) {
    const apiKey = Deno.env.get("ORLA_SERVICE_KEY");
    if (apiKey) return { client: new OrlaClient({ url, apiKey, timeoutMs }) };
    printError("orla: --url needs the node's service key in the environment, as ORLA_SERVICE_KEY");
    return { client: null, code: exitCodes.usage };
  }
  const sighting = await findNode(located);
  if (sighting.is === "running") {
    const { http, serviceKey } = sighting.state;
    const client = new OrlaClient({
      ...{ url: http, apiKey: serviceKey, timeoutMs, fetch: fetchOwnNode },
    });
    return { client };
  }
  if (sighting.is === "absent") {
    printError(notRunningMessage(sighting.dataDir));
    return { client: null, code: exitCodes.notRunning };
  }
  printError(`Orla (pid ${sighting.pid}) is starting or stopping; try again.`);
  return { client: null, code: exitCodes.failed };
}
