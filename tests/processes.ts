/** Looks at the machine's processes, for tests that must leave none. Linux only. */

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

export async function listProcesses(): Promise<ProcessInfo[]> {
  const found: ProcessInfo[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z") continue;
      const raw = await Deno.readTextFile(`/proc/${pid}/cmdline`);
      found.push({ pid, parent: Number(parent), command: raw.replaceAll("\0", " ").trim() });
    } catch {
      // It has ended between the reads.
    }
  }
  return found;
}

/** The process and all below it. */
export async function familyOf(pid: number): Promise<ProcessInfo[]> {
  const all = await listProcesses();
  const family: ProcessInfo[] = [];
  const add = (parent: number) => {
    for (const process of all) {
      if (process.parent !== parent) continue;
      family.push(process);
      add(process.pid);
    }
  };
  family.push(...all.filter((process) => process.pid === pid));
  add(pid);
  return family;
}

/** Those of the family that live still, by pid and command: a pid alone may be somebody else's. */
export async function survivors(family: readonly ProcessInfo[]): Promise<ProcessInfo[]> {
  const now = await listProcesses();
  return family.filter((one) =>
    now.some(({ pid, command }) => pid === one.pid && command === one.command)
  );
}

/** Looks until the condition holds. For what no event tells: other processes' doings. */
export async function eventually(
  condition: () => Promise<boolean> | boolean,
  deadlineMs: number,
  what: string,
): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (!await condition()) {
    if (performance.now() > until) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
