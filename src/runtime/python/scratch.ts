/**
 * The scratch directory of a Python instance, in which it works and may make files.
 *
 * The kernel holds each file to the quota (RLIMIT_FSIZE); that all together stay within it is looked
 * after while calls run, so for a moment an instance can have written more than it may. Then it is ended.
 */
import { OrlaError } from "../../base/errors.ts";
import { walkSize } from "./walk-size.ts";

/** Of all files in it together. */
export const SCRATCH_BYTES = 64 << 20;

/** Of files and directories: each takes room that no size tells. */
export const MAX_SCRATCH_ENTRIES = 2000;

/** An empty directory takes 0.1 ms to look at, a thousand files 18 ms. */
const LOOK_EVERY_MS = 200;

/** No function shall keep the node busy with its files: looking takes this share of the time at most. */
const LOOKING_SHARE = 0.1;

export function scratchPath(directory: string): string {
  return `${directory}/scratch`;
}

export function scratchFull(): OrlaError {
  return new OrlaError(
    "limit_exceeded",
    `The function's scratch directory holds more than ${SCRATCH_BYTES >> 20} MB or ` +
      `${MAX_SCRATCH_ENTRIES} files`,
    { hint: "Remove files when they are done with; what is to stay belongs in the database." },
  );
}

/** What one instance keeps in its scratch directory. */
export class ScratchWatch implements AsyncDisposable {
  readonly #path: string;
  readonly #stopped = new AbortController();
  #look: Promise<void> | undefined;
  #nextLookAt = -Infinity;
  #exceeded = false;

  constructor(directory: string) {
    this.#path = scratchPath(directory);
  }

  /** Whether it was found to hold too much. Looks again, for the next time it is asked. */
  exceeded(now: number): boolean {
    if (this.#look === undefined && now >= this.#nextLookAt) {
      this.#nextLookAt = now + LOOK_EVERY_MS;
      this.#look = this.#lookNow();
    }
    return this.#exceeded;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#look;
  }

  async #lookNow(): Promise<void> {
    const { signal } = this.#stopped;
    const limits = { maxBytes: SCRATCH_BYTES, maxEntries: MAX_SCRATCH_ENTRIES, signal };
    const start = performance.now();
    this.#exceeded = !await walkSize(this.#path, limits);
    const took = performance.now() - start;
    this.#nextLookAt += Math.max(0, took / LOOKING_SHARE - LOOK_EVERY_MS);
    this.#look = undefined;
  }
}
