/** `'10/s'`, `'100/min'`: how many jobs in a time, and whether another may start. */
import { OrlaError } from "../../base/errors.ts";

export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

const units: Readonly<Record<string, number>> = {
  s: 1000,
  second: 1000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
};

/** Throws `invalid_option`. */
export function parseRate(text: string): Rate {
  const match = /^\s*([1-9]\d{0,8})\s*\/\s*([a-z]+)\s*$/i.exec(text);
  const perMs = units[match?.[2]?.toLowerCase() ?? ""];
  if (match === null || perMs === undefined) {
    throw new OrlaError("invalid_option", `RATE takes a count and a time, got '${text}'`, {
      hint: "Write '10/s', '100/min' or '1000/h'.",
    });
  }
  return { count: Number(match[1]), perMs };
}

/** Fills evenly, and holds at most one second's worth or one job, whichever is more. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #most: number;
  #tokens: number;
  #at: number;

  constructor({ count, perMs }: Rate, now: number) {
    this.#perMs = count / perMs;
    this.#most = Math.max(1, this.#perMs * 1000);
    this.#tokens = this.#most;
    this.#at = now;
  }

  has(now: number): boolean {
    this.#tokens = Math.min(this.#most, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    return this.#tokens >= 1;
  }

  take(): void {
    this.#tokens--;
  }
}
