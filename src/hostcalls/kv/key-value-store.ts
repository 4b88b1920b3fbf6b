/**
 * Values by key, shared by all instances of all functions of a namespace. Values are JSON text in one
 * canonical form, so that equal values have equal text; keys sort by their bytes in UTF-8.
 */

export interface KeyValueStore extends AsyncDisposable {
  get(namespace: string, key: string): Promise<string | null>;
  /** Without `ttlMs` it stays, whatever it had before. */
  set(namespace: string, key: string, value: string, ttlMs: number | null): Promise<void>;
  /** Whether it was there. */
  delete(namespace: string, key: string): Promise<boolean>;
  /**
   * Adds to an integer, 0 where there is nothing; only then does `ttlMs` count. `null` when what is
   * there is no integer, or the sum would be beyond {@link MAX_INTEGER}.
   */
  increment(
    namespace: string,
    key: string,
    by: number,
    ttlMs: number | null,
  ): Promise<number | null>;
  /** Sets it if it is `expected`, `null` for not there; says whether it did. */
  compareAndSet(
    namespace: string,
    key: string,
    expected: string | null,
    value: string,
    ttlMs: number | null,
  ): Promise<boolean>;
  /** Keys that begin with `prefix` and come after `after`, in order, `limit` at most. */
  list(namespace: string, prefix: string, after: string, limit: number): Promise<string[]>;
}

/** What a number of JavaScript and JSON holds exactly. */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;

export const MAX_KEY_BYTES = 512;
