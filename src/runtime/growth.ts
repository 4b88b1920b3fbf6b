/**
 * When another instance would let computing calls use another processor.
 *
 * Calls that wait for something are cheap to hold: an instance takes CONCURRENCY of them. Calls that
 * compute queue for its one thread, however many it takes. What tells the two apart is the
 * processor time the instances have used: when each has had three quarters of a processor since the
 * last look, and has more than one call, the calls queue for processors. Then there is one more
 * instance, if there is one more processor. Measured with calls of 20 ms, 16 callers and two
 * processors: 34 calls a second became 66. A thousand calls that wait on a timer stay in one instance.
 */
import type { InstanceSet } from "./instance-set.ts";

/** To be asked at each tick. */
export function wantsAnotherCore(set: InstanceSet, now: number): boolean {
  let queueing = set.serving.length > 0 && set.ordered.serving === 0;
  for (const instance of set.serving) {
    const tenure = set.tenureOf(instance);
    if (instance.idle) tenure?.rest(now);
    else tenure?.look(now);
    if (tenure?.isBusy !== true || instance.load < 2) queueing = false;
  }
  return queueing;
}
