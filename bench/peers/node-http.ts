/** Bare `node:http`. */
import type { WarmContender } from "../contender.ts";
import { Child } from "../process.ts";
import { nodeProgram, peerProgram } from "../programs.ts";

export async function startNodeHttp(): Promise<WarmContender> {
  const child = new Child({ command: nodeProgram, args: [peerProgram("node-http.mjs")] });
  const [, port] = await child.line(/port (\d+)\n/);
  return {
    name: "bare node:http",
    pid: child.pid,
    endpoint: { url: `http://127.0.0.1:${port}/`, headers: {} },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
