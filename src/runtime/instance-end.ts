/** How an instance ends, and what becomes of the calls it had. */
import { OrlaError } from "../base/errors.ts";
import type { Clock } from "./clock.ts";
import type { Ending } from "./crash.ts";
import type { Delivery } from "./delivery.ts";
import type { Invocation } from "./invocation.ts";
import type { InstanceProcess, ProcessExit } from "./launcher.ts";

/** V8 writes a report when it runs out of memory; then the process is gone. */
const EXIT_GRACE_MS = 500;

/** A process whose socket has closed is dying, and how it dies by itself says why. */
export async function exitOf(process: InstanceProcess, clock: Clock): Promise<ProcessExit> {
  const timer = clock.after(EXIT_GRACE_MS, () => process.kill());
  const exit = await process.exited;
  timer.cancel();
  return exit;
}

/** Fails the calls that were begun, up to the id `begun`; returns the others, which can run elsewhere. */
export function partCalls(
  deliveries: readonly Delivery[],
  begun: number,
  ending: Ending | undefined,
  error: OrlaError | undefined,
): Invocation[] {
  const unstarted: Invocation[] = [];
  for (const { invocation, callId, phase } of deliveries) {
    if (phase !== "running") continue;
    // Where the import failed it will fail elsewhere, too.
    if (callId > begun && ending?.kind !== "failed" && invocation.repeatable) {
      unstarted.push(invocation);
    } else invocation.fail(error ?? new OrlaError("unavailable", "The instance was stopped"));
  }
  return unstarted;
}

/** One call's trouble, or the platform's: it says nothing about the function. */
export function saysNothing(ending: Ending | undefined): boolean {
  return ending?.kind === "hung" || ending?.kind === "cpu" || ending?.kind === "orphaned";
}
