/** Finds processes that outlived the tests which started them. */
import { eventually, listProcesses, type ProcessInfo } from "./processes.ts";

export type Orphan = ProcessInfo;

/** prctl(2), <linux/prctl.h> */
const PR_SET_CHILD_SUBREAPER = 36;
/** A stop that is under way when the last test ends may take this long. */
const GRACE_MS = 5_000;

/**
 * Makes every orphan below this process its child, however it was started: that is what the kernel
 * offers to find them. `false` where it does not, which is everywhere but on Linux.
 */
export function becomeSubreaper(): boolean {
  if (Deno.build.os !== "linux") return false;
  using libc = closing(Deno.dlopen("libc.so.6", {
    prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  }));
  return libc.symbols.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) === 0;
}

/** Children of ours that live although nobody runs tests any more. */
export async function orphans(): Promise<Orphan[]> {
  const ours = async () => (await listProcesses()).filter(({ parent }) => parent === Deno.pid);
  await eventually(async () => (await ours()).length === 0, GRACE_MS, "no orphans").catch(() => {});
  return await ours();
}

function closing<T extends { close(): void }>(library: T): T & Disposable {
  return Object.assign(library, { [Symbol.dispose]: () => library.close() });
}
