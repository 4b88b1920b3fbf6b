/**
 * What comes and goes on every request: kept in order, removed by its link in constant time.
 *
 * A `Map` or `Set` that is rehashed leaves its old table pointing to the new one. Once one dead table
 * reached the old generation, every later one and all it held survived minor collections: a quarter
 * of all objects at 20,000 requests a second, with pauses of 8 ms instead of 0.3.
 */
export interface Link<T> {
  readonly value: T;
  previous: Link<T> | undefined;
  next: Link<T> | undefined;
  listed: boolean;
}

export class LinkedList<T> implements Iterable<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Link<T> | undefined {
    return this.#first;
  }

  /** Adds at the end. */
  add(value: T): Link<T> {
    const link: Link<T> = { value, previous: this.#last, next: undefined, listed: true };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#size++;
    return link;
  }

  /** False when it was removed before. */
  remove(link: Link<T>): boolean {
    if (!link.listed) return false;
    link.listed = false;
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    link.previous = link.next = undefined;
    this.#size--;
    return true;
  }

  clear(): void {
    for (let link = this.#first; link !== undefined; link = this.#first) this.remove(link);
  }

  /** The current value may be removed on the way. */
  *[Symbol.iterator](): Iterator<T> {
    for (let link = this.#first; link !== undefined;) {
      const { next } = link;
      yield link.value;
      link = next;
    }
  }
}
