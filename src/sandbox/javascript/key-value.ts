/** `kv`: values shared by all instances of all functions of a namespace. */
import { hostCall } from "./host-client.ts";
import { plain } from "./value-codec.ts";

export interface KeepOptions {
  /** Seconds until it is gone. */
  readonly ttl?: number;
}

export interface ListOptions {
  readonly prefix?: string;
  /** At most so many keys: 100 unless told, 1000 at most. */
  readonly limit?: number;
  /** Where the page before ended: its `next`. */
  readonly after?: string;
}

export interface KeyPage {
  readonly keys: string[];
  /** `null` on the last page. */
  readonly next: string | null;
}

export const kv = {
  /** `null` where there is nothing. */
  async get(key: string): Promise<unknown> {
    const found = await hostCall("kv.get", { key }) as { readonly value: unknown } | null;
    return found === null ? null : plain(found).value;
  },

  async set(key: string, value: unknown, { ttl }: KeepOptions = {}): Promise<void> {
    await hostCall("kv.set", { key, value: checked(value), ttl });
  },

  /** Whether it was there. */
  async delete(key: string): Promise<boolean> {
    return await hostCall("kv.delete", { key }) as boolean;
  },

  /** The new number; what is not there counts as 0. */
  async increment(key: string, by = 1, { ttl }: KeepOptions = {}): Promise<number> {
    return await hostCall("kv.increment", { key, by, ttl }) as number;
  },

  /** Sets it if it is `expected`, or not there where that is `undefined`; says whether it did. */
  async compareAndSet(
    key: string,
    expected: unknown,
    value: unknown,
    { ttl }: KeepOptions = {},
  ): Promise<boolean> {
    const input = { key, expected, value: checked(value), ttl };
    return await hostCall("kv.compareAndSet", input) as boolean;
  },

  async list(options: ListOptions | string = {}): Promise<KeyPage> {
    const { prefix, limit, after } = typeof options === "string" ? { prefix: options } : options;
    return await hostCall("kv.list", { prefix, limit, after }) as KeyPage;
  },
};

function checked(value: unknown): unknown {
  if (value === undefined || typeof value === "function" || typeof value === "symbol") {
    throw new TypeError(`a value of the type ${typeof value} cannot be kept; use null or delete`);
  }
  return value;
}
