/**
 * How much an instance may write to its log: so many lines and bytes a second, with a reserve for
 * bursts, so that no function can take the log's place in the database, or the node's time, from
 * the others. What one call may write besides (MAX_LOG_SIZE) is counted with the call.
 */
import { formatSize } from "../functions/option-value.ts";

/** More than anybody reads; a function that logs a line with each call gets this far. */
export const LOG_LINES_PER_SECOND = 5_000;
export const LOG_BYTES_PER_SECOND = 2 << 20;

/** So much may come at once. */
export const LOG_BURST_LINES = 20_000;
export const LOG_BURST_BYTES = 16 << 20;

/** One line a second tells of what was dropped. */
const TELL_EVERY_MS = 1_000;

export class LogMeter {
  #lines = LOG_BURST_LINES;
  #bytes = LOG_BURST_BYTES;
  #countedAt: number;
  #dropped = 0;
  #toldAt = -Infinity;

  constructor(now: number) {
    this.#countedAt = now;
  }

  /** Whether a line of this length may be kept. */
  take(bytes: number, now: number): boolean {
    const seconds = (now - this.#countedAt) / 1000;
    this.#countedAt = now;
    this.#lines = Math.min(LOG_BURST_LINES, this.#lines + seconds * LOG_LINES_PER_SECOND);
    this.#bytes = Math.min(LOG_BURST_BYTES, this.#bytes + seconds * LOG_BYTES_PER_SECOND);
    if (this.#lines < 1 || this.#bytes < bytes) {
      this.#dropped++;
      return false;
    }
    this.#lines--;
    this.#bytes -= bytes;
    return true;
  }

  /** Lines dropped and not told of yet; 0 if it is too soon to tell again. */
  toTell(now: number): number {
    if (this.#dropped === 0 || now - this.#toldAt < TELL_EVERY_MS) return 0;
    this.#toldAt = now;
    return this.takeDropped();
  }

  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}

export function droppedBySize(lines: number, maxBytes: number): string {
  return `${lines} log lines were dropped: a call may write ${formatSize(maxBytes)} (MAX_LOG_SIZE)`;
}

export function droppedByRate(lines: number): string {
  return `${lines} log lines were dropped: an instance may write ` +
    `${LOG_LINES_PER_SECOND.toLocaleString("en")} lines or ${
      LOG_BYTES_PER_SECOND >> 20
    }MB a second`;
}
