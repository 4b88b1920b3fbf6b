/** What one instance may use: memory, files, processor time. */
import type { FunctionVersion } from "../functions/function.ts";
import type { Clock } from "./clock.ts";
import type { Ending } from "./crash.ts";
import { InstanceCpu } from "./instance-cpu.ts";
import type { InstanceProcess } from "./launcher.ts";
import type { Limiter } from "./limits.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { ScratchWatch } from "./python/scratch.ts";

interface InstanceLimitsOptions {
  readonly process: InstanceProcess;
  readonly directory: string;
  readonly maxFileBytes: number;
  readonly hasScratch: boolean;
  readonly limiter: Limiter;
  readonly clock: Clock;
  readonly highestCharge: (now: number) => number;
  readonly overspent: (cpuTimeMs: number) => void;
}

export class InstanceLimits implements AsyncDisposable {
  readonly cpu: InstanceCpu;
  readonly #options: InstanceLimitsOptions;
  readonly #memory: MemoryWatch;
  readonly #scratch: ScratchWatch | undefined;

  /** From now on a blank process is held to what all are. */
  constructor(options: InstanceLimitsOptions) {
    const { process, directory, maxFileBytes, hasScratch, limiter } = options;
    this.#options = options;
    this.#memory = new MemoryWatch(process.pid, limiter);
    this.#scratch = hasScratch ? new ScratchWatch(directory) : undefined;
    this.cpu = new InstanceCpu(options);
    limiter.limitBlank(process.pid, maxFileBytes);
  }

  /** From now on it is held to its function's options. */
  begin({ options }: FunctionVersion): void {
    const { process, limiter } = this.#options;
    this.#memory.begin(options.memoryMb);
    limiter.limitMemory(process.pid, options.memoryMb);
    process.limitMemory(options.memoryMb);
    this.cpu.begin(options);
  }

  /** At the last sample. */
  get memoryUsedMb(): number | null {
    return this.#memory.usedMb;
  }

  /** So much is in use that what was asked for last may not have been granted. */
  isMemoryShort(): boolean {
    return this.#memory.isShort();
  }

  sampleMemory(now: number): void {
    this.#memory.sample(now);
  }

  exceeded(now: number): Ending | undefined {
    if (this.#memory.exceeded(now)) return { kind: "memory" };
    return this.filesExceeded(now);
  }

  filesExceeded(now: number): Ending | undefined {
    return this.#scratch?.exceeded(now) === true ? { kind: "scratch" } : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cpu[Symbol.dispose]();
    await this.#scratch?.[Symbol.asyncDispose]();
  }
}
