import type { Invocation } from "./invocation.ts";

/** From then on a call is shown as running; nearly all are over long before. */
const LASTING_MS = 500;

/** `calls` of one version, in the order of their deadlines. */
export function tellLasting(calls: Iterable<Invocation>, now: number): void {
  for (const invocation of calls) {
    // All have the same TIMEOUT, so the order of deadlines is that of arrival.
    if (now - invocation.call.arrivedAt < LASTING_MS) return;
    invocation.lasts();
  }
}
