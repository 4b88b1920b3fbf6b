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
}

export interface Limiter extends Disposable {
  readonly enforced: Enforcement;
  /** What every instance is held to, before it is known which function it will run. */
  limitBlank(pid: number, maxFileBytes: number): void;
  /** Lets the process allocate this much beyond what it has. */
  limitMemory(pid: number, memoryMb: number): void;
  /** Private memory in use, in bytes; `null` where it cannot be told or the process is gone. */
  memoryOf(pid: number): number | null;
}

const MB = 1 << 20;

// <bits/resource.h>
const RLIMIT_FSIZE = 1;
const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;

/** Sockets for a function's own fetches; Deno itself holds about twenty descriptors. */
export const MAX_OPEN_FILES = 256;

/** The only file a Deno instance writes has four bytes. */
export const MAX_FILE_BYTES = 4096;

interface MemoryMap {
  readonly privateBytes: number;
  readonly dataBytes: number;
}

// <asm/unistd.h>
const SYS_SETRESUID = Deno.build.arch === "x86_64" ? 117n : 147n;
const SYS_SETRESGID = Deno.build.arch === "x86_64" ? 119n : 149n;
const KEEP = -1;
const ROOT = 0;

class LinuxLimiter implements Limiter {
  readonly enforced = { memoryByKernel: true, memoryByPolling: true, files: true };
  readonly #libc = Deno.dlopen("libc.so.6", {
    prlimit: { parameters: ["i32", "i32", "buffer", "pointer"], result: "i32" },
    getpagesize: { parameters: [], result: "i32" },
    syscall: { parameters: ["i64", "i32", "i32", "i32"], result: "i64" },
  });
  readonly #pageBytes = this.#libc.symbols.getpagesize();

  limitBlank(pid: number, maxFileBytes: number): void {
    this.#set(pid, RLIMIT_NOFILE, MAX_OPEN_FILES);
    this.#set(pid, RLIMIT_FSIZE, maxFileBytes);
    this.#set(pid, RLIMIT_CORE, 0);
  }

  /**
   * RLIMIT_DATA counts address space, of which a blank Deno reserves half a gigabyte it hardly
   * touches. So the limit is relative: what is mapped now, and the function's share on top.
   */
  limitMemory(pid: number, memoryMb: number): void {
    const map = this.#map(pid);
    if (map !== null) this.#set(pid, RLIMIT_DATA, map.dataBytes + memoryMb * MB);
  }

  memoryOf(pid: number): number | null {
    return this.#map(pid)?.privateBytes ?? null;
  }

  [Symbol.dispose](): void {
    this.#libc.close();
  }

  #set(pid: number, resource: number, value: number): void {
    const limit = new BigUint64Array([BigInt(value), BigInt(value)]);
    const set = () => this.#libc.symbols.prlimit(pid, resource, limit, null) === 0;
    if (!set() && !this.#asItsUser(pid, set) && this.#map(pid) !== null) {
      throw new Error(`prlimit refused to set limit ${resource} of process ${pid}`);
    }
  }

  /**
   * Root in a container lacks the capability to set another user's limits, but may pass for that
   * user. Only the real ids count for it, and system calls made directly change this thread's alone.
   */
  #asItsUser(pid: number, act: () => boolean): boolean {
    const uid = Deno.uid() === ROOT ? ownerOf(pid) : null;
    if (uid === null || uid === ROOT) return false;
    const { syscall } = this.#libc.symbols;
    const become = (id: number) =>
      syscall(SYS_SETRESGID, id, KEEP, KEEP) === 0n &&
      syscall(SYS_SETRESUID, id, KEEP, KEEP) === 0n;
    const done = become(uid) && act();
    if (!become(ROOT)) throw new Error("cannot become root again after setting a limit");
    return done;
  }

  #map(pid: number): MemoryMap | null {
    let text: string;
    try {
      text = Deno.readTextFileSync(`/proc/${pid}/statm`);
    } catch {
      return null;
    }
    const [, resident = 0, shared = 0, , , data = 0] = text.split(" ").map(Number);
    return {
      privateBytes: (resident - shared) * this.#pageBytes,
      dataBytes: data * this.#pageBytes,
    };
  }
}

function ownerOf(pid: number): number | null {
  try {
    return Deno.statSync(`/proc/${pid}`).uid;
  } catch {
    return null; // It is gone.
  }
}

/** Where there is no prlimit(2): the time-out is the only limit. */
class NoLimiter implements Limiter {
  readonly enforced = { memoryByKernel: false, memoryByPolling: false, files: false };
  limitBlank(): void {}
  limitMemory(): void {}
  memoryOf(): null {
    return null;
  }
  [Symbol.dispose](): void {}
}

export function createLimiter(os: typeof Deno.build.os = Deno.build.os): Limiter {
  return os === "linux" ? new LinuxLimiter() : new NoLimiter();
}
