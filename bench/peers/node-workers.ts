/** Node's worker threads behind `node:http`; `peers/programs/node-workers.mjs` says how. */
import type { ColdContender, WarmContender } from "../contender.ts";
import { Child } from "../process.ts";
import { nodeProgram, peerProgram } from "../programs.ts";

async function start(): Promise<{ child: Child; base: string }> {
  const child = new Child({ command: nodeProgram, args: [peerProgram("node-workers.mjs")] });
  const [, port] = await child.line(/port (\d+)\n/);
  return { child, base: `http://127.0.0.1:${port}` };
}

export async function startNodeWorkerPool(): Promise<WarmContender> {
  const { child, base } = await start();
  return {
    name: "Node worker pool",
    pid: child.pid,
    endpoint: { url: `${base}/warm`, headers: {} },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

export function startNodeThreadPerFunction(): Promise<ColdContender> {
  return startCold("Node: new Worker per function", "thread");
}

export function startNodeCompileInPool(): Promise<ColdContender> {
  return startCold("Node: new Function in a pooled Worker", "compile");
}

async function startCold(name: string, kind: string): Promise<ColdContender> {
  const { child, base } = await start();
  let made = 0;
  return {
    name,
    fresh: (count) =>
      Promise.resolve(
        Array.from({ length: count }, () => ({ url: `${base}/${kind}/f${made++}`, headers: {} })),
      ),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
