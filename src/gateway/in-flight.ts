/** The requests being worked on: the cap under overload, and what a drain waits for or cuts. */
import { OrlaError } from "../base/errors.ts";
import type { ClientPresence } from "./http-call.ts";

export class InFlight {
  readonly #max: number;
  readonly #requests = new Set<ClientPresence>();
  #onNone: (() => void) | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#requests.size;
  }

  /** Throws `overloaded` at the cap. */
  enter(request: ClientPresence): void {
    if (this.#requests.size >= this.#max) {
      throw new OrlaError("overloaded", "This node is working on as many requests as it can hold.");
    }
    this.#requests.add(request);
  }

  leave(request: ClientPresence): void {
    this.#requests.delete(request);
    if (this.#requests.size === 0) this.#onNone?.();
  }

  /** Resolves when nothing is in flight any more. */
  none(): Promise<void> {
    if (this.#requests.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onNone = resolve);
  }

  abortAll(reason: OrlaError): void {
    for (const request of this.#requests) request.cancel(reason);
  }
}
