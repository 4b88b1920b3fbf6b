/**
 * Limits on one process. On Linux they are set on the running process with prlimit(2), 10 µs at
 * assignment; where that is missing nothing is pretended: `enforced` says what holds.
 */
export interface Enforcement {
  /** Memory beyond the limit cannot be allocated. */
  readonly memoryByKernel: boolean;
  /** An instance found over its limit is killed. */
  readonly memoryByPolling: boolean;
  /** Open files, file size, no core dumps. */
  readonly files: boolean;
  /** CPU_LIMIT and CPU_TIME. */
  readonly cpu: boolean;
}

export interface Limiter extends Disposable {
  readonly enforced: Enforcement;
  /** What every instance is held to, before it is known which function it will run. */
  limitBlank(pid: number, maxFileBytes: number): void;
  /** Lets the process allocate this much beyond what it has. */
  limitMemory(pid: number, memoryMb: number): void;
  /** Private memory in use, in bytes; `null` where it cannot be told or the process is gone. */
  memoryOf(pid: number): number | null;
  /** Processor time used so far, in milliseconds; half a microsecond. `null` as for memory. */
  cpuMsOf(pid: number): number | null;
  /** The way to make a process pause; `null` where there is none. To be disposed of. */
  hold(pid: number): ProcessHold | null;
}

/** A process that is gone ignores both. One that is stopped can still be killed. */
export interface ProcessHold extends Disposable {
  stop(): void;
  resume(): void;
}

/** Sockets for a function's own fetches; Deno itself holds about twenty descriptors. */
export const MAX_OPEN_FILES = 256;

/** The only file a Deno instance writes has four bytes. */
export const MAX_FILE_BYTES = 4096;
