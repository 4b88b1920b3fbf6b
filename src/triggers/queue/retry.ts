/** When a failed job is tried again. */

export interface RetryOptions {
  readonly retryDelayMs: number;
  readonly maxRetryDelayMs: number;
}

/**
 * Milliseconds until the next attempt, `attempt` having been made (1, 2, …): the delay doubles each
 * time up to the longest, and a quarter of it is left to chance, so that what failed together does
 * not come back together.
 */
export function retryDelay(options: RetryOptions, attempt: number, random = Math.random): number {
  const { retryDelayMs, maxRetryDelayMs } = options;
  const doubled = retryDelayMs * 2 ** Math.min(attempt - 1, 40);
  const full = Math.min(doubled, Math.max(maxRetryDelayMs, retryDelayMs));
  return full * (0.75 + 0.25 * random());
}
