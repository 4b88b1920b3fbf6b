/** The machine and the versions a run was made with. */
import { nodeProgram, versionOf, workerdProgram } from "./programs.ts";

export async function describeMachine(): Promise<string> {
  const cpu = await Deno.readTextFile("/proc/cpuinfo").then(
    (text) => /^model name\s*: (.*)$/m.exec(text)?.[1],
    () => undefined,
  );
  const versions = await Promise.all([
    versionOf(nodeProgram).then((version) => version && `Node ${version}`),
    versionOf(workerdProgram),
    versionOf("pgbench"),
    versionOf("pgbouncer", ["--version"]),
  ]);
  return [
    `${navigator.hardwareConcurrency} cores${cpu === undefined ? "" : ` (${cpu})`}`,
    `${Math.round(Deno.systemMemoryInfo().total / 2 ** 30)} GB`,
    `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    `Deno ${Deno.version.deno}`,
    ...versions.filter((version) => version !== undefined && version !== ""),
  ].join(" · ");
}
