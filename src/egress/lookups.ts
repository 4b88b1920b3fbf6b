/**
 * Looks names up, few at a time: each waits in a thread of the node's, of which there is a number,
 * and whoever runs a name's DNS can make it wait.
 */
import { Refusal } from "./refusal.ts";
import type { Resolver } from "./resolver.ts";

/** The node has 512 threads for all that waits, its files among them. */
const MAX_LOOKUPS = 128;
const MAX_LOOKUPS_OF_ONE = 8;

interface Waiting {
  readonly owner: string;
  start(): void;
}

export class Lookups {
  readonly #resolver: Resolver;
  readonly #timeoutMs: number;
  readonly #open = new Map<string, number>();
  /** In the order they came. */
  readonly #waiting = new Set<Waiting>();
  #count = 0;

  constructor(resolver: Resolver, timeoutMs: number) {
    this.#resolver = resolver;
    this.#timeoutMs = timeoutMs;
  }

  /** `owner` is the function, all of whose instances share its part. Throws a `Refusal`. */
  async resolve(name: string, owner: string): Promise<readonly string[]> {
    const looked = Promise.withResolvers<readonly string[]>();
    const start = () => {
      this.#count++;
      this.#open.set(owner, this.#openOf(owner) + 1);
      // Its place is free again when the lookup has ended, which nobody can hasten.
      const ended = () => this.#ended(owner);
      this.#resolver.resolve(name).then(looked.resolve, looked.reject).finally(ended);
    };
    const waiting: Waiting = { owner, start };
    if (this.#hasRoom(owner)) start();
    else this.#waiting.add(waiting);
    const timer = setTimeout(() => {
      const message = `looking up ${name} took longer than ${this.#timeoutMs / 1000} s`;
      looked.reject(new Refusal("name_not_found", message));
    }, this.#timeoutMs);
    try {
      return await looked.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  #ended(owner: string): void {
    this.#count--;
    const open = this.#openOf(owner) - 1;
    if (open === 0) this.#open.delete(owner);
    else this.#open.set(owner, open);
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom(waiting.owner)) continue;
      this.#waiting.delete(waiting);
      return waiting.start();
    }
  }

  #hasRoom(owner: string): boolean {
    return this.#count < MAX_LOOKUPS && this.#openOf(owner) < MAX_LOOKUPS_OF_ONE;
  }

  #openOf(owner: string): number {
    return this.#open.get(owner) ?? 0;
  }
}
