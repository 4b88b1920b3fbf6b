/** Starting and stopping child processes, and reading what they cost from `/proc`. */

/** How long a stopped child may take to leave before it is killed. */
const stopTimeoutMs = 10_000;
/** How long a child may take to say that it is ready. */
const readyTimeoutMs = 30_000;

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Numeric user and group, for programs that refuse to run as root. */
  readonly uid?: number;
  readonly gid?: number;
  /** Standard output is piped to `line()`, or thrown away. Errors always join our own. */
  readonly output?: "lines" | "ignored";
}

/** A child process that dies with its owner's scope. */
export class Child implements AsyncDisposable {
  readonly pid: number;
  readonly status: Promise<Deno.CommandStatus>;
  readonly #process: Deno.ChildProcess;
  readonly #name: string;

  constructor(options: ChildOptions) {
    this.#name = options.command;
    this.#process = new Deno.Command(options.command, {
      args: [...options.args],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "/", ...options.env },
      stdin: "null",
      stdout: options.output === "ignored" ? "null" : "piped",
      stderr: "inherit",
    }).spawn();
    this.pid = this.#process.pid;
    this.status = this.#process.status;
  }

  /** The first line of output that `pattern` matches; the rest of the output is thrown away. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const lines = this.#process.stdout.pipeThrough(new TextDecoderStream());
    const reader = lines.getReader();
    const timer = setTimeout(() => this.#kill("SIGKILL"), readyTimeoutMs);
    let text = "";
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`${this.#name} ended before it said ${pattern}: ${text}`);
        text += value;
        const found = pattern.exec(text);
        if (found !== null) return found;
      }
    } finally {
      clearTimeout(timer);
      void drain(reader);
    }
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch (error) {
      // Already gone, which is what was wanted.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** SIGTERM, and SIGKILL when that is not enough. */
  async stop(): Promise<Deno.CommandStatus> {
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), stopTimeoutMs);
    try {
      return await this.status;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}

export interface Memory {
  /** Shared pages divided by the number of processes that share them. */
  readonly pssMb: number;
  /** Pages no other process has. */
  readonly privateMb: number;
}

/** What `/proc/PID/smaps_rollup` says, in MB of 2^20 bytes. */
export function parseMemory(rollup: string): Memory {
  const kilobytes = (field: string) => {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(rollup);
    if (found === null) throw new Error(`smaps_rollup has no ${field}`);
    return Number(found[1]);
  };
  return {
    pssMb: kilobytes("Pss") / 1024,
    privateMb: (kilobytes("Private_Clean") + kilobytes("Private_Dirty")) / 1024,
  };
}

export async function memoryOf(pid: number): Promise<Memory> {
  return parseMemory(await Deno.readTextFile(`/proc/${pid}/smaps_rollup`));
}

/** The memory of several processes together. */
export async function memoryOfAll(pids: readonly number[]): Promise<Memory> {
  const each = await Promise.all(pids.map(memoryOf));
  return {
    pssMb: each.reduce((sum, memory) => sum + memory.pssMb, 0),
    privateMb: each.reduce((sum, memory) => sum + memory.privateMb, 0),
  };
}

export async function averageMemory(pids: readonly number[]): Promise<Memory> {
  const all = await memoryOfAll(pids);
  return { pssMb: all.pssMb / pids.length, privateMb: all.privateMb / pids.length };
}

/** Clock ticks of `/proc/PID/stat`: the kernel's USER_HZ, the same on every Linux. */
const ticksPerSecond = 100;

/** Processor time of all threads so far: fields 14 and 15, user and system. */
export function parseCpuSeconds(stat: string): number {
  // The second field, the program's name in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Processor time so far of `pid` and of all living processes below it. */
export async function cpuSecondsOfTree(pid: number): Promise<number> {
  const each = await Promise.all(
    [pid, ...await descendants(pid)].map((one) =>
      Deno.readTextFile(`/proc/${one}/stat`).then(parseCpuSeconds, () => 0)
    ),
  );
  return each.reduce((sum, seconds) => sum + seconds, 0);
}

/** Living processes below `pid` whose executable has this file name. */
export async function programBelow(pid: number, program: string): Promise<number[]> {
  const found = await Promise.all((await descendants(pid)).map(async (below) => {
    const path = await Deno.readLink(`/proc/${below}/exe`).catch(() => "");
    return path.endsWith(`/${program}`) ? [below] : [];
  }));
  return found.flat();
}

/** Every living process below `pid`. */
export async function descendants(pid: number): Promise<number[]> {
  const path = `/proc/${pid}/task`;
  const found: number[] = [];
  for await (const task of Deno.readDir(path)) {
    const children = await Deno.readTextFile(`${path}/${task.name}/children`).catch(() => "");
    for (const child of children.split(" ").filter((word) => word !== "").map(Number)) {
      found.push(child, ...await descendants(child).catch(() => []));
    }
  }
  return found;
}
