/** Cloudflare's workerd: a fixed Worker, and its (experimental) loader of Workers at run time. */
import type { ColdContender, WarmContender } from "../contender.ts";
import { Child } from "../process.ts";
import { peerProgram, workerdProgram } from "../programs.ts";

async function start(config: string): Promise<{ child: Child; base: string }> {
  const child = new Child({
    command: workerdProgram,
    args: ["serve", "--experimental", "--control-fd=1", peerProgram(config)],
  });
  const [, port] = await child.line(/"event":"listen".*"port":(\d+)/);
  return { child, base: `http://127.0.0.1:${port}` };
}

export async function startWorkerd(): Promise<WarmContender> {
  const { child, base } = await start("workerd-hello.capnp");
  return {
    name: "workerd",
    pid: child.pid,
    endpoint: { url: `${base}/`, headers: {} },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

export async function startWorkerdLoader(): Promise<ColdContender> {
  const { child, base } = await start("workerd-loader.capnp");
  let made = 0;
  return {
    name: "workerd, worker loader",
    fresh: (count) =>
      Promise.resolve(
        Array.from({ length: count }, () => ({ url: `${base}/f${made++}`, headers: {} })),
      ),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
