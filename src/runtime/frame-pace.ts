/**
 * How fast frames of one instance are read. An honest one sends a frame or two with each call; one
 * that sends a hundred thousand a second, whatever they say, is read more slowly, so that it costs
 * the node a few percent of a processor. Its own answers wait with the rest.
 */

const FRAMES_PER_SECOND = 100_000;
/** What is read at a time holds up to 6,500. */
const BURST_FRAMES = 50_000;
const MIN_PAUSE_MS = 10;

export class FramePace {
  #left = BURST_FRAMES;
  #countedAt: number;

  constructor(now: number) {
    this.#countedAt = now;
  }

  count(): void {
    this.#left--;
  }

  /** To be asked after each read: how long to wait before the next. */
  pauseMs(now: number): number {
    const earned = (now - this.#countedAt) / 1000 * FRAMES_PER_SECOND;
    this.#countedAt = now;
    this.#left = Math.min(BURST_FRAMES, this.#left + earned);
    if (this.#left >= 0) return 0;
    return Math.max(MIN_PAUSE_MS, Math.ceil(-this.#left / FRAMES_PER_SECOND * 1000));
  }
}
