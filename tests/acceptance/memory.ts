/** How much memory a process takes while something goes on. */

async function residentMb(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** The growth of the process, at its highest, in MB. */
export async function growthDuring(pid: number, work: () => Promise<void>): Promise<number> {
  const before = await residentMb(pid);
  let highest = before;
  const watching = setInterval(
    async () => highest = Math.max(highest, await residentMb(pid)),
    20,
  );
  try {
    await work();
  } finally {
    clearInterval(watching);
  }
  return highest - before;
}
