import { OrlaError } from "../base/errors.ts";
import type { InstanceSet } from "./instance-set.ts";

/** Those who wait until a version's instances are ready. */
export class WarmUp {
  readonly #set: InstanceSet;
  #waiters: PromiseWithResolvers<void>[] = [];

  constructor(set: InstanceSet) {
    this.#set = set;
  }

  get waits(): boolean {
    return this.#waiters.length > 0;
  }

  /** Resolves when none is on its way any more and at least one is there. */
  done(): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    this.#waiters.push(waiter);
    this.look();
    return waiter.promise;
  }

  /** To be called when an instance is ready. */
  look(): void {
    const { serving, spare, ordered } = this.#set;
    const all = [...serving, ...spare];
    if (ordered.serving + ordered.spare > 0 || all.some(({ state }) => state === "assigned")) {
      return;
    }
    if (!all.some(({ state }) => state === "ready")) return;
    for (const { resolve } of this.#take()) resolve();
  }

  failed(error: OrlaError): void {
    for (const { reject } of this.#take()) reject(error);
  }

  #take(): PromiseWithResolvers<void>[] {
    const waiters = this.#waiters;
    this.#waiters = [];
    return waiters;
  }
}
