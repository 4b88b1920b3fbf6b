/**
 * Brings what a node holds in memory up to date, one look at a time. Whoever asks while a look is under
 * way, which may have seen too little, shares the one after it.
 */
export class Refresh {
  readonly #look: () => Promise<void>;
  #running: Promise<void> | undefined;
  #queued: Promise<void> | undefined;

  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  /** Settles as a look does that began after the call. */
  now(): Promise<void> {
    if (this.#queued !== undefined) return this.#queued;
    if (this.#running === undefined) return this.#start();
    this.#queued = this.#running.catch(() => {}).then(() => {
      this.#queued = undefined;
      return this.#start();
    });
    return this.#queued;
  }

  /** Resolves when the looks asked for so far have ended, however they did. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#running, this.#queued]);
  }

  #start(): Promise<void> {
    const running = this.#look().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
