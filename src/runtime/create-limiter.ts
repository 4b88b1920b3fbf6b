import type { Limiter } from "./limits.ts";
import { LinuxLimiter } from "./linux-limiter.ts";

/** Where there is no prlimit(2): the time-out is the only limit. */
class NoLimiter implements Limiter {
  readonly enforced = { memoryByKernel: false, memoryByPolling: false, files: false, cpu: false };
  limitBlank(): void {}
  limitMemory(): void {}
  memoryOf(): null {
    return null;
  }
  cpuMsOf(): null {
    return null;
  }
  hold(): null {
    return null;
  }
  [Symbol.dispose](): void {}
}

export function createLimiter(os: typeof Deno.build.os = Deno.build.os): Limiter {
  return os === "linux" ? new LinuxLimiter() : new NoLimiter();
}
