/** One `deno run` process for each call. */
import type { ColdContender } from "../contender.ts";
import { Child } from "../process.ts";
import { denoProgram, peerProgram } from "../programs.ts";

const functionCode = 'Deno.stdout.writeSync(new TextEncoder().encode("Hello from the edge"));\n';

export async function startDenoPerCall(): Promise<ColdContender> {
  const directory = await Deno.makeTempDir({ prefix: "orla-bench-" });
  const child = new Child({
    command: denoProgram,
    args: [
      "run",
      "--quiet",
      "--no-config",
      "--allow-net",
      "--allow-run",
      "--allow-read",
      peerProgram("deno-per-call.ts"),
      directory,
    ],
    env: { DENO_NO_UPDATE_CHECK: "1" },
  });
  const [, port] = await child.line(/port (\d+)\n/);
  let made = 0;
  return {
    name: "deno run per call",
    async fresh(count) {
      const names = Array.from({ length: count }, () => `f${made++}.js`);
      await Promise.all(
        names.map((name) => Deno.writeTextFile(`${directory}/${name}`, functionCode)),
      );
      return names.map((name) => ({ url: `http://127.0.0.1:${port}/${name}`, headers: {} }));
    },
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}
