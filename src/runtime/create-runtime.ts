import { OrlaError } from "../base/errors.ts";
import type { HostServices } from "../functions/host-services.ts";
import { writeBootstrap } from "./bootstrap-script.ts";
import { systemClock } from "./clock.ts";
import type { InstanceKinds } from "./instance-kind.ts";
import { DenoLauncher } from "./launcher.ts";
import type { Runtime, RuntimeOptions } from "./runtime.ts";
import { Supervisor } from "./supervisor.ts";

const DEFAULTS = {
  poolSize: 4,
  maxTotalInstances: 256,
  memoryBudgetBytes: null,
  idleTimeoutMs: 60_000,
  maxAgeMs: Infinity,
  queueLimit: 1024,
  queueTimeoutMs: 10_000,
  drainTimeoutMs: 10_000,
  egress: null,
  otherKinds: { kindOf: () => undefined } as InstanceKinds,
  hostServices: {
    call: (op) => Promise.reject(new OrlaError("not_supported", `This node has no ${op}`)),
  } as HostServices,
} as const;

export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { denoPath, runtimeDir } = options;
  const launcher = options.launcher ??
    new DenoLauncher({
      denoPath,
      bootstrap: await writeBootstrap(`${runtimeDir}/bootstrap`),
      egressPort: options.egress?.port ?? null,
    });
  const cores = navigator.hardwareConcurrency;
  return new Supervisor({ ...DEFAULTS, clock: systemClock, cores, ...options, launcher });
}
