import { chooseLauncher, type ChooseLauncherOptions } from "./choose-launcher.ts";
import type { SandboxReport } from "./sandbox-report.ts";

/** What a node would enforce on this machine. Everything is tried and nothing is left behind. */
export async function probeSandbox(
  options: Omit<ChooseLauncherOptions, "runtimeDir">,
): Promise<SandboxReport> {
  const runtimeDir = await Deno.makeTempDir({ dir: "/tmp", prefix: "orla-probe-" });
  try {
    await Deno.chmod(runtimeDir, 0o711);
    await using chosen = await chooseLauncher({ ...options, runtimeDir });
    return chosen.report;
  } finally {
    await Deno.remove(runtimeDir, { recursive: true });
  }
}
