import type { Clock } from "../../src/runtime/clock.ts";

/** Real time, plus what a test adds. */
export interface MovableClock extends Clock {
  forward(ms: number): void;
}

export function movableClock(): MovableClock {
  let ahead = 0;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  const now = () => performance.now() + ahead;
  return {
    now,
    after: (ms, run) => {
      const timer = {
        at: now() + ms,
        run: () => {
          clearTimeout(id);
          if (timers.delete(timer)) run();
        },
      };
      const id = setTimeout(timer.run, ms);
      timers.add(timer);
      return { cancel: () => (clearTimeout(id), void timers.delete(timer)) };
    },
    forward: (ms) => {
      ahead += ms;
      for (const timer of [...timers]) if (timer.at <= now()) timer.run();
    },
  };
}
