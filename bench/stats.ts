/** Order statistics over samples and over rounds. Pure. */

/**
 * The smallest member of `sample` that at least `percent` % of its members do not exceed (nearest
 * rank: no interpolation, so that a p99 is a latency somebody really saw).
 */
export function percentile(sample: readonly number[], percent: number): number {
  if (sample.length === 0) throw new RangeError("a percentile needs at least one value");
  if (!(percent > 0 && percent <= 100)) throw new RangeError(`no percentile ${percent}`);
  const sorted = [...sample].sort((a, b) => a - b);
  const rank = Math.ceil((percent / 100) * sorted.length);
  // 1 ≤ rank ≤ length by the two checks above.
  return sorted[rank - 1]!;
}

/** The middle value; the mean of the two middle ones in an even sample. */
export function median(sample: readonly number[]): number {
  if (sample.length === 0) throw new RangeError("a median needs at least one value");
  const sorted = [...sample].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)]!;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]!;
  return (lower + upper) / 2;
}

export function mean(sample: readonly number[]): number {
  if (sample.length === 0) throw new RangeError("a mean needs at least one value");
  return sample.reduce((sum, value) => sum + value, 0) / sample.length;
}
