/** Calls that compute: a fixed amount of work, the same bytes of code for each contender. */

/** As source, because it runs in functions and in peers. */
export const computeSource = `
  function compute(rounds) {
    let x = 1;
    for (let i = 0; i < rounds; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
    }
    return x;
  }`;

/** How many rounds take so many milliseconds of one processor here, going by the fastest of a few tries. */
export function roundsFor(ms: number): number {
  const compute = new Function(`${computeSource}; return compute;`)() as (rounds: number) => number;
  const rounds = 2_000_000;
  let best = Infinity;
  for (let n = 0; n < 20; n++) {
    const start = performance.now();
    compute(rounds);
    best = Math.min(best, performance.now() - start);
  }
  return Math.round(rounds * ms / best);
}
