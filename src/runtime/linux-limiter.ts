/** Limits by prlimit(2), the processor's account by clock_gettime(2), signals by pidfd_send_signal(2). */
import { type Enforcement, type Limiter, MAX_OPEN_FILES, type ProcessHold } from "./limits.ts";

const MB = 1 << 20;

// <bits/resource.h>
const RLIMIT_FSIZE = 1;
const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;

interface MemoryMap {
  readonly privateBytes: number;
  readonly dataBytes: number;
}

// <asm/unistd.h>
const SYS_SETRESUID = Deno.build.arch === "x86_64" ? 117n : 147n;
const SYS_SETRESGID = Deno.build.arch === "x86_64" ? 119n : 149n;
// The same on all machines.
const SYS_PIDFD_SEND_SIGNAL = 424n;
const SYS_PIDFD_OPEN = 434n;
const SYS_CLOSE = Deno.build.arch === "x86_64" ? 3n : 57n;
const SIGCONT = 18;
const SIGSTOP = 19;
const KEEP = -1;
const ROOT = 0;

/** What clock_getcpuclockid(3) answers: the time that all threads of the process have run. */
const processClock = (pid: number) => (~pid << 3) | 2;

export class LinuxLimiter implements Limiter {
  readonly enforced: Enforcement = {
    memoryByKernel: true,
    memoryByPolling: true,
    files: true,
    cpu: true,
  };
  readonly #libc = Deno.dlopen("libc.so.6", {
    prlimit: { parameters: ["i32", "i32", "buffer", "pointer"], result: "i32" },
    getpagesize: { parameters: [], result: "i32" },
    clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
    syscall: { parameters: ["i64", "i32", "i32", "i32", "i32"], result: "i64" },
  });
  readonly #pageBytes = this.#libc.symbols.getpagesize();
  readonly #time = new BigInt64Array(2);
  /** Seconds and nanoseconds: the lower halves, as both orders of bytes in use put them. */
  readonly #timeWords = new Int32Array(this.#time.buffer);

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

  cpuMsOf(pid: number): number | null {
    if (this.#libc.symbols.clock_gettime(processClock(pid), this.#time) !== 0) return null;
    // Not as BigInt, which would cost half of the call again.
    const [seconds = 0, , nanoseconds = 0] = this.#timeWords;
    return seconds * 1000 + nanoseconds / 1e6;
  }

  /** By descriptor: a number may pass to another process as soon as its own is gone. */
  hold(pid: number): ProcessHold {
    const { syscall } = this.#libc.symbols;
    const pidfd = Number(syscall(SYS_PIDFD_OPEN, pid, 0, 0, 0));
    const send = (signal: number, name: "SIGSTOP" | "SIGCONT") => {
      if (pidfd >= 0) return void syscall(SYS_PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0);
      try {
        Deno.kill(pid, name);
      } catch {
        // It is gone.
      }
    };
    return {
      stop: () => send(SIGSTOP, "SIGSTOP"),
      resume: () => send(SIGCONT, "SIGCONT"),
      [Symbol.dispose]: () => void (pidfd >= 0 && syscall(SYS_CLOSE, pidfd, 0, 0, 0)),
    };
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
      syscall(SYS_SETRESGID, id, KEEP, KEEP, 0) === 0n &&
      syscall(SYS_SETRESUID, id, KEEP, KEEP, 0) === 0n;
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
