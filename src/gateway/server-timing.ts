/** The `server-timing` header (W3C Server Timing): what a call took, in milliseconds. */
import type { Timing } from "../functions/call.ts";

/** Most calls take below 40 ms: their hundredths are written once and kept. */
const KEPT_HUNDREDTHS = 4_000;
const kept: string[] = [];

/** Milliseconds to two decimals: `0.42`. */
function milliseconds(ms: number): string {
  const hundredths = Math.max(0, Math.round(ms * 100));
  if (hundredths >= KEPT_HUNDREDTHS) return String(hundredths / 100);
  return kept[hundredths] ??= String(hundredths / 100);
}

/** `total` runs from the request's arrival to now, `exec` in the instance, `cold` only on cold starts. */
export function serverTiming(totalMs: number, timing: Timing): string {
  const warm = `total;dur=${milliseconds(totalMs)}, exec;dur=${milliseconds(timing.execMs)}`;
  return timing.coldMs === null ? warm : `${warm}, cold;dur=${milliseconds(timing.coldMs)}`;
}
