/** Bare `Deno.serve`: the roof over any HTTP gateway written for Deno. */
import type { WarmContender } from "../contender.ts";
import { Child } from "../process.ts";
import { denoProgram, peerProgram } from "../programs.ts";

export function startDenoServe(): Promise<WarmContender> {
  return startServer("bare Deno.serve", "deno-serve.ts");
}

export function startDenoWait(waitMs: number): Promise<WarmContender> {
  return startServer("bare Deno.serve", "deno-wait.ts", String(waitMs));
}

export function startDenoCompute(source: string, rounds: number): Promise<WarmContender> {
  return startServer("bare Deno.serve", "deno-compute.ts", source, String(rounds));
}

async function startServer(
  name: string,
  program: string,
  ...args: readonly string[]
): Promise<WarmContender> {
  const child = new Child({
    command: denoProgram,
    args: ["run", "--quiet", "--no-config", "--allow-net", peerProgram(program), ...args],
  });
  const [, port] = await child.line(/port (\d+)\n/);
  return {
    name,
    pid: child.pid,
    endpoint: { url: `http://127.0.0.1:${port}/`, headers: {} },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
