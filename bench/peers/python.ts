/** Python without a platform: an interpreter started for each call, and the standard library's server. */
import type { WarmContender } from "../contender.ts";
import { greeting } from "../contender.ts";
import { Child } from "../process.ts";
import { peerProgram } from "../programs.ts";

const interpreter = "/usr/bin/python3";

/** Milliseconds from start to end of a process that says the greeting. */
export async function startPythonOnce(): Promise<number> {
  const start = performance.now();
  const { stdout } = await new Deno.Command(interpreter, {
    args: ["-I", "-c", `import json; print("${greeting}")`],
  }).output();
  const ms = performance.now() - start;
  if (new TextDecoder().decode(stdout).trim() !== greeting) {
    throw new Error("python3 said otherwise");
  }
  return ms;
}

export async function startPythonServer(): Promise<WarmContender> {
  const child = new Child({
    command: interpreter,
    args: ["-I", peerProgram("python-server.py")],
  });
  const [, port] = await child.line(/port (\d+)\n/);
  return {
    name: "http.server of Python",
    pid: child.pid,
    endpoint: { url: `http://127.0.0.1:${port}/`, headers: {} },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
