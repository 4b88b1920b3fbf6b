/**
 * WASI preview 1 for functions: standard streams, arguments, environment, clocks and random numbers.
 * There are no files: no directory is open to a program, and whatever asks for one is told so by
 * errno. Written against https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md;
 * of the npm shims the best kept, browser_wasi_shim, is mostly the file system that is left out here.
 */

/** From the witx file. */
export const errno = {
  success: 0,
  again: 6,
  badf: 8,
  fault: 21,
  inval: 28,
  nosys: 52,
  notsup: 58,
  spipe: 70,
  notcapable: 76,
} as const;

const FILETYPE_CHARACTER_DEVICE = 2;

/** `clockid`s. */
const REALTIME = 0;
const MONOTONIC = 1;

const NANOSECONDS = 1_000_000n;

export interface WasiHost {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Uint8Array;
  /** The bytes are the module's, and change. */
  readonly write: (descriptor: 1 | 2, bytes: Uint8Array) => void;
}

/** `proc_exit` ends the program by throwing this through it. */
export class WasiExit extends Error {
  override readonly name = "WasiExit";
  readonly status: number;

  constructor(status: number) {
    super(`the program exited with status ${status}`);
    this.status = status;
  }
}

type Import = (...args: (number & bigint)[]) => number;

export class Wasi {
  readonly imports: Record<string, Import>;
  readonly #host: WasiHost;
  #memory: WebAssembly.Memory | null = null;
  #read = 0;

  constructor(host: WasiHost) {
    this.#host = host;
    const { success, badf, notsup, notcapable, spipe } = errno;
    const known = (fd: number) => fd >= 0 && fd <= 2;
    /** Of files: on the three streams they mean nothing, others are not open. */
    const onFile = (fd: number) => known(fd) ? notsup : badf;
    /** Of paths: the descriptor would be a directory. */
    const onPath = (fd: number) => known(fd) ? notcapable : badf;
    this.imports = {
      args_get: (list, texts) => this.#writeTexts(list, texts, host.args),
      args_sizes_get: (count, size) => this.#writeSizes(count, size, host.args),
      environ_get: (list, texts) => this.#writeTexts(list, texts, this.#variables()),
      environ_sizes_get: (count, size) => this.#writeSizes(count, size, this.#variables()),
      clock_res_get: (clock, at) => this.#clock(clock, at, () => NANOSECONDS),
      clock_time_get: (clock, _precision, at) => this.#clock(clock, at, () => now(clock)),
      fd_advise: onFile,
      fd_allocate: onFile,
      fd_close: (fd) => known(fd) ? success : badf,
      fd_datasync: onFile,
      fd_fdstat_get: (fd, at) => this.#describe(fd, at),
      fd_fdstat_set_flags: (fd) => known(fd) ? success : badf,
      fd_fdstat_set_rights: (fd) => known(fd) ? success : badf,
      fd_filestat_get: (fd, at) => this.#fileStat(fd, at),
      fd_filestat_set_size: onFile,
      fd_filestat_set_times: onFile,
      fd_pread: (fd) => known(fd) ? spipe : badf,
      fd_prestat_get: () => badf,
      fd_prestat_dir_name: () => badf,
      fd_pwrite: (fd) => known(fd) ? spipe : badf,
      fd_read: (fd, vectors, count, read) => this.#fdRead(fd, vectors, count, read),
      fd_readdir: onFile,
      fd_renumber: onFile,
      fd_seek: (fd) => known(fd) ? spipe : badf,
      fd_sync: onFile,
      fd_tell: (fd) => known(fd) ? spipe : badf,
      fd_write: (fd, vectors, count, written) => this.#fdWrite(fd, vectors, count, written),
      path_create_directory: onPath,
      path_filestat_get: onPath,
      path_filestat_set_times: onPath,
      path_link: onPath,
      path_open: onPath,
      path_readlink: onPath,
      path_remove_directory: onPath,
      path_rename: onPath,
      path_symlink: (_text, _length, fd) => onPath(fd),
      path_unlink_file: onPath,
      poll_oneoff: (subscriptions, events, count, stored) =>
        this.#poll(subscriptions, events, count, stored),
      proc_exit: (status) => {
        throw new WasiExit(status);
      },
      proc_raise: () => errno.nosys,
      random_get: (at, length) => this.#random(at, length),
      sched_yield: () => success,
      sock_accept: onFile,
      sock_recv: onFile,
      sock_send: onFile,
      sock_shutdown: onFile,
    };
  }

  ready(instance: WebAssembly.Instance): void {
    const { memory } = instance.exports;
    if (memory instanceof WebAssembly.Memory) this.#memory = memory;
  }

  /** Anew at each use: the buffer changes when the memory grows. */
  get #view(): DataView {
    if (this.#memory === null) throw new TypeError("WASI needs an exported memory named memory");
    return new DataView(this.#memory.buffer);
  }

  #bytes(at: number, length: number): Uint8Array<ArrayBuffer> {
    const { buffer } = this.#view;
    return new Uint8Array(buffer as ArrayBuffer, at >>> 0, length >>> 0);
  }

  #variables(): string[] {
    return Object.entries(this.#host.env).map(([name, value]) => `${name}=${value}`);
  }

  #writeSizes(count: number, size: number, texts: readonly string[]): number {
    const bytes = texts.reduce((sum, text) => sum + zeroEnded(text).length, 0);
    this.#view.setUint32(count, texts.length, true);
    this.#view.setUint32(size, bytes, true);
    return errno.success;
  }

  #writeTexts(list: number, at: number, texts: readonly string[]): number {
    texts.forEach((text, index) => {
      const bytes = zeroEnded(text);
      this.#view.setUint32(list + 4 * index, at, true);
      this.#bytes(at, bytes.length).set(bytes);
      at += bytes.length;
    });
    return errno.success;
  }

  #clock(clock: number, at: number, time: () => bigint): number {
    if (clock !== REALTIME && clock !== MONOTONIC) return errno.inval;
    this.#view.setBigUint64(at, time(), true);
    return errno.success;
  }

  #describe(fd: number, at: number): number {
    if (fd > 2) return errno.badf;
    this.#bytes(at, 24).fill(0);
    this.#view.setUint8(at, FILETYPE_CHARACTER_DEVICE);
    this.#view.setBigUint64(at + 8, 0xffff_ffffn, true);
    return errno.success;
  }

  #fileStat(fd: number, at: number): number {
    if (fd > 2) return errno.badf;
    this.#bytes(at, 64).fill(0);
    this.#view.setUint8(at + 16, FILETYPE_CHARACTER_DEVICE);
    return errno.success;
  }

  #fdRead(fd: number, vectors: number, count: number, read: number): number {
    if (fd !== 0) return errno.badf;
    let total = 0;
    for (const { at, length } of this.#vectors(vectors, count)) {
      const chunk = this.#host.stdin.subarray(this.#read, this.#read + length);
      this.#bytes(at, chunk.length).set(chunk);
      this.#read += chunk.length;
      total += chunk.length;
    }
    this.#view.setUint32(read, total, true);
    return errno.success;
  }

  #fdWrite(fd: number, vectors: number, count: number, written: number): number {
    if (fd !== 1 && fd !== 2) return errno.badf;
    let total = 0;
    for (const { at, length } of this.#vectors(vectors, count)) {
      this.#host.write(fd, this.#bytes(at, length));
      total += length;
    }
    this.#view.setUint32(written, total, true);
    return errno.success;
  }

  *#vectors(at: number, count: number): Generator<{ at: number; length: number }> {
    for (let index = 0; index < count; index++) {
      const view = this.#view;
      const entry = at + 8 * index;
      yield { at: view.getUint32(entry, true), length: view.getUint32(entry + 4, true) };
    }
  }

  #random(at: number, length: number): number {
    // What the Web's generator gives at once.
    const most = 65_536;
    for (let done = 0; done < length; done += most) {
      crypto.getRandomValues(this.#bytes(at + done, Math.min(most, length - done)));
    }
    return errno.success;
  }

  /** Waits for the earliest clock; a stream is always ready, its data being here or never. */
  #poll(subscriptions: number, events: number, count: number, stored: number): number {
    if (count < 1) return errno.inval;
    const view = this.#view;
    let earliest: { readonly userdata: bigint; readonly wait: bigint } | null = null;
    let ready = 0;
    const event = (userdata: bigint, type: number) => {
      const at = events + 32 * ready++;
      this.#bytes(at, 32).fill(0);
      view.setBigUint64(at, userdata, true);
      view.setUint8(at + 10, type);
    };
    for (let index = 0; index < count; index++) {
      const at = subscriptions + 48 * index;
      const userdata = view.getBigUint64(at, true);
      const type = view.getUint8(at + 8);
      if (type !== 0) {
        event(userdata, type);
        continue;
      }
      const absolute = (view.getUint16(at + 40, true) & 1) !== 0;
      const clock = view.getUint32(at + 16, true);
      const timeout = view.getBigUint64(at + 24, true);
      const wait = absolute ? timeout - now(clock) : timeout;
      if (earliest === null || wait < earliest.wait) earliest = { userdata, wait };
    }
    if (ready === 0 && earliest !== null) {
      sleep(Number(earliest.wait / NANOSECONDS));
      event(earliest.userdata, 0);
    }
    view.setUint32(stored, ready, true);
    return errno.success;
  }
}

function now(clock: number): bigint {
  const ms = clock === REALTIME ? performance.timeOrigin + performance.now() : performance.now();
  return BigInt(Math.round(ms * 1e6));
}

/** The program is in the middle of its own stack: the thread must wait with it. */
function sleep(ms: number): void {
  if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const encoder = new TextEncoder();

function zeroEnded(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}
