/** Which ticks of a schedule are due, and what becomes of those that nobody was there for. Pure. */
import type { Cron } from "croner";

export type CatchUp = "none" | "one" | "all";

export interface DueTicks {
  /** Ticks to run now, in order. */
  readonly run: readonly Date[];
  /** When to look again; `null` when the schedule has come to its end. */
  readonly next: Date | null;
}

/** A tick that is this late was missed: no node ran, or the database was away. */
export const MISSED_AFTER_MS = 30_000;

/** Of a backlog longer than this only the latest ticks are made up for. */
export const MOST_CAUGHT_UP = 1_000;

/** `from` is the first tick that has not been dealt with. */
export function dueTicks(cron: Cron, from: Date, now: Date, catchUp: CatchUp): DueTicks {
  const missed: Date[] = [];
  const onTime: Date[] = [];
  let tick: Date | null = from;
  while (tick !== null && tick <= now) {
    if (now.getTime() - tick.getTime() < MISSED_AFTER_MS) onTime.push(tick);
    else {
      missed.push(tick);
      if (missed.length > MOST_CAUGHT_UP) missed.shift();
    }
    tick = cron.nextRun(tick);
  }
  return { run: [...caughtUp(missed, catchUp), ...onTime], next: tick };
}

function caughtUp(missed: readonly Date[], catchUp: CatchUp): readonly Date[] {
  switch (catchUp) {
    case "none":
      return [];
    case "one":
      return missed.slice(-1);
    case "all":
      return missed;
  }
}
