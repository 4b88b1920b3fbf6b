import type { Clock } from "./clock.ts";

/**
 * Whether an instance's event loop turns. Any frame is a sign of life; when none has come for a
 * while although calls are open, a ping asks for one.
 */
export class Pulse {
  /** Quiet for this long with calls open: ask. */
  static readonly QUIET_MS = 200;

  /** No answer for this long: deliver nothing more there until it answers. */
  static readonly UNANSWERED_MS = 200;

  /** Twice the sandbox's `STALE_AFTER_MS`, which is what makes taking calls back safe. */
  static readonly WITHDRAW_AFTER_MS = 200;

  /** After a time-out, how long an event loop may take to answer before its process is killed. */
  static readonly GRACE_MS = 250;

  readonly #clock: Clock;
  readonly #ping: () => void;
  #beats = 0;
  #beatsSeen = 0;
  #quietSince: number;
  #askedAt: number | undefined;
  #responsive = true;

  constructor(clock: Clock, ping: () => void) {
    this.#clock = clock;
    this.#ping = ping;
    this.#quietSince = clock.now();
  }

  get responsive(): boolean {
    return this.#responsive;
  }

  beat(): void {
    this.#beats++;
    this.#responsive = true;
  }

  /** After a pause in which nothing was asked of it. */
  restart(): void {
    this.#quietSince = this.#clock.now();
    this.#askedAt = undefined;
  }

  /** Asks now; the answer is any beat after the returned one. */
  ask(): number {
    this.#askedAt ??= this.#clock.now();
    this.#ping();
    return this.#beats;
  }

  answeredSince(beats: number): boolean {
    return this.#beats > beats;
  }

  /** How long it has owed an answer. */
  unansweredMs(now: number): number {
    return this.#askedAt === undefined ? 0 : now - this.#askedAt;
  }

  /** Returns whether the event loop hangs. */
  check(now: number): boolean {
    if (this.#beats !== this.#beatsSeen) {
      this.#beatsSeen = this.#beats;
      this.#quietSince = now;
      this.#askedAt = undefined;
    } else if (this.#askedAt === undefined) {
      if (now - this.#quietSince >= Pulse.QUIET_MS) this.ask();
    } else if (now - this.#askedAt >= Pulse.UNANSWERED_MS) {
      this.#responsive = false;
    }
    return !this.#responsive;
  }
}
