/**
 * The key-value store in Valkey or Redis (6 or newer). Each namespace has its values and, for listing
 * keys in order, one sorted set of their names; scripts keep the two together. Names whose value has
 * expired go when a listing meets them.
 */
import { createClient } from "@redis/client";
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";
import { type KeyValueStore, MAX_INTEGER } from "./key-value-store.ts";

export interface RedisStoreOptions {
  /** `redis://` or, with TLS, `rediss://`. */
  readonly url: string;
  readonly onError: (error: unknown) => void;
}

/** A server that answers at all does so within milliseconds. */
const COMMAND_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Soon back after a restart, then polite. */
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;

/** KEYS: value, names. ARGV: name, … and the time to live, empty for none. */
const KEEP = `
  local function keep(value, ttl)
    if ttl == '' then redis.call('SET', KEYS[1], value)
    else redis.call('SET', KEYS[1], value, 'PX', ttl) end
    redis.call('ZADD', KEYS[2], 0, ARGV[1])
  end`;

const SET = `${KEEP} keep(ARGV[2], ARGV[3])`;

const DELETE = `
  redis.call('ZREM', KEYS[2], ARGV[1])
  return redis.call('DEL', KEYS[1])`;

/** Lua's numbers hold these integers exactly; the strings are compared with care all the same. */
const INCREMENT = `${KEEP}
  local old = redis.call('GET', KEYS[1])
  if not old then
    keep(ARGV[2], ARGV[3])
    return ARGV[2]
  end
  if #old > 17 or not string.match(old, '^-?%d+$') then return false end
  local sum = tonumber(old) + tonumber(ARGV[2])
  if sum > ${MAX_INTEGER} or sum < -${MAX_INTEGER} then return false end
  local text = sum == 0 and '0' or string.format('%.0f', sum)
  redis.call('SET', KEYS[1], text, 'KEEPTTL')
  return text`;

const COMPARE_AND_SET = `${KEEP}
  local old = redis.call('GET', KEYS[1])
  if ARGV[4] == '' then
    if old then return 0 end
  elseif old ~= ARGV[4] then return 0 end
  keep(ARGV[2], ARGV[3])
  return 1`;

/** KEYS: names. ARGV: prefix, after, limit, what values' keys begin with. */
const LIST = `
  local low = ARGV[2] >= ARGV[1] and ARGV[2] ~= '' and '(' .. ARGV[2] or '[' .. ARGV[1]
  if low == '[' then low = '-' end
  local limit = tonumber(ARGV[3])
  local found = {}
  while true do
    local names = redis.call('ZRANGEBYLEX', KEYS[1], low, '[' .. ARGV[1] .. '\\255', 'LIMIT', 0, limit)
    for _, name in ipairs(names) do
      if redis.call('EXISTS', ARGV[4] .. name) == 1 then
        found[#found + 1] = name
        if #found == limit then return found end
      else redis.call('ZREM', KEYS[1], name) end
    end
    if #names < limit then return found end
    low = '(' .. names[#names]
  end`;

type Client = ReturnType<typeof makeClient>;

function makeClient(url: string, mayReconnect: () => boolean) {
  return createClient({
    url,
    // Commands fail while there is no connection, rather than wait for one.
    disableOfflineQueue: true,
    commandOptions: { timeout: COMMAND_TIMEOUT_MS },
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (tries) =>
        mayReconnect() && Math.min(FIRST_RETRY_MS * 2 ** tries, LAST_RETRY_MS),
    },
  });
}

export class RedisStore implements KeyValueStore {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Throws `unavailable` when the first attempt fails: a wrong address should be said at once. */
  static async open({ url, onError }: RedisStoreOptions): Promise<RedisStore> {
    let connected = false;
    const client = makeClient(url, () => connected);
    client.on("error", (error) => connected && onError(error));
    try {
      await client.connect();
      connected = true;
      await client.ping();
    } catch (cause) {
      client.destroy();
      throw unavailable("cannot connect to the server of REDIS_URL", cause);
    }
    return new RedisStore(client);
  }

  async get(namespace: string, key: string): Promise<string | null> {
    const reply = await this.#do(() => this.#client.get(valueKey(namespace, key)));
    return z.string().nullable().parse(reply);
  }

  async set(namespace: string, key: string, value: string, ttlMs: number | null): Promise<void> {
    await this.#run(SET, namespace, key, [value, ttlText(ttlMs)]);
  }

  async delete(namespace: string, key: string): Promise<boolean> {
    return await this.#run(DELETE, namespace, key, []) === 1;
  }

  async increment(
    namespace: string,
    key: string,
    by: number,
    ttlMs: number | null,
  ): Promise<number | null> {
    const reply = await this.#run(INCREMENT, namespace, key, [String(by), ttlText(ttlMs)]);
    return reply === null ? null : Number(reply);
  }

  async compareAndSet(
    namespace: string,
    key: string,
    expected: string | null,
    value: string,
    ttlMs: number | null,
  ): Promise<boolean> {
    // No JSON text is empty.
    const rest = [value, ttlText(ttlMs), expected ?? ""];
    return await this.#run(COMPARE_AND_SET, namespace, key, rest) === 1;
  }

  async list(namespace: string, prefix: string, after: string, limit: number): Promise<string[]> {
    const reply = await this.#do(() =>
      this.#client.eval(LIST, {
        keys: [namesKey(namespace)],
        arguments: [prefix, after, String(limit), valueKey(namespace, "")],
      })
    );
    return z.array(z.string()).parse(reply);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#client.close();
    } catch {
      this.#client.destroy(); // it was not connected
    }
  }

  async #run(script: string, namespace: string, key: string, rest: string[]): Promise<unknown> {
    const keys = [valueKey(namespace, key), namesKey(namespace)];
    return await this.#do(() => this.#client.eval(script, { keys, arguments: [key, ...rest] }));
  }

  async #do<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch (cause) {
      throw unavailable("the key-value store is not reachable", cause);
    }
  }
}

/** Braces: what Redis Cluster keeps in one place. Colons in a namespace are escaped. */
function valueKey(namespace: string, key: string): string {
  return `orla:kv:{${encodeURIComponent(namespace)}}:v:${key}`;
}

function namesKey(namespace: string): string {
  return `orla:kv:{${encodeURIComponent(namespace)}}:names`;
}

/** Redis counts whole milliseconds and refuses none. */
function ttlText(ttlMs: number | null): string {
  return ttlMs === null ? "" : String(Math.max(1, Math.round(ttlMs)));
}

function unavailable(message: string, cause: unknown): OrlaError {
  const why = cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : "";
  return new OrlaError("unavailable", message + why, { cause });
}
