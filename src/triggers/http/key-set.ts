/**
 * A JSON Web Key Set (RFC 7517), as identity providers publish them, at `https:`, `http:` or `file:`.
 *
 * It is fetched when the first token comes, again after ten minutes, and when a token names a key that
 * is not in it: at most every half a minute, whatever callers send. While it cannot be had, the keys
 * that are known go on to count, and nobody waits for it more often than every few seconds.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type CryptoKey,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
} from "jose";
import { OrlaError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";

const FETCH_TIMEOUT_MS = 5_000;

export interface KeySetTimes {
  /** How long a set that was fetched is not fetched again. */
  readonly freshMs: number;
  /** The same when a token names a key that is not in it. */
  readonly cooldownMs: number;
  /** Between tries while it cannot be had. */
  readonly retryMs: number;
}

const usualTimes: KeySetTimes = { freshMs: 600_000, cooldownMs: 30_000, retryMs: 5_000 };

export class KeySet {
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  readonly #log: Logger;
  readonly #retryMs: number;
  #failure: { readonly cause: unknown; readonly at: number } | undefined;

  constructor(url: string, log: Logger, times: Partial<KeySetTimes> = {}) {
    const { freshMs, cooldownMs, retryMs } = { ...usualTimes, ...times };
    this.#remote = createRemoteJWKSet(new URL(url), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cacheMaxAge: freshMs,
      cooldownDuration: cooldownMs,
    });
    this.#log = log;
    this.#retryMs = retryMs;
  }

  /** Throws jose's errors for tokens that no key fits, and `unavailable` when there are no keys. */
  async keyOf(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (this.#failure !== undefined && performance.now() - this.#failure.at < this.#retryMs) {
      return await this.#knownKey(this.#failure.cause, header, token);
    }
    try {
      const key = await this.#remote(header, token);
      this.#failure = undefined;
      return key;
    } catch (cause) {
      if (isOfTheToken(cause)) throw cause;
      // One outage is one line, however many tokens come.
      if (this.#failure === undefined) this.#log.warn("cannot get the keys of tokens", { cause });
      this.#failure = { cause, at: performance.now() };
      return await this.#knownKey(cause, header, token);
    }
  }

  #knownKey(
    cause: unknown,
    header: JWSHeaderParameters,
    token: FlattenedJWSInput,
  ): Promise<CryptoKey> {
    const known = this.#remote.jwks();
    if (known !== undefined) return createLocalJWKSet(known)(header, token);
    throw new OrlaError("unavailable", "The keys that tokens are verified with cannot be had.", {
      cause,
      retryAfterSeconds: 1,
    });
  }
}

/** Anything else is about the set, or the way to it. */
function isOfTheToken(cause: unknown): boolean {
  return cause instanceof errors.JWKSNoMatchingKey ||
    cause instanceof errors.JWKSMultipleMatchingKeys || cause instanceof errors.JOSENotSupported;
}
