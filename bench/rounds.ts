/**
 * Contenders take turns (A B C A B C …), so that a neighbour's noise meets all of them, and each
 * one's figure is the median of its turns.
 */
import { median } from "./stats.ts";

export async function takeTurns<C, R>(
  rounds: number,
  contenders: readonly C[],
  measure: (contender: C, round: number) => Promise<R>,
): Promise<Map<C, R[]>> {
  const results = new Map<C, R[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++) {
    // Every other round in the opposite order: nobody always runs in the same one's wake.
    const order = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const contender of order) {
      results.get(contender)?.push(await measure(contender, round));
    }
  }
  return results;
}

/** Each field's median over the rounds. */
export function medians<K extends string>(rounds: readonly Record<K, number>[]): Record<K, number> {
  const [first] = rounds;
  if (first === undefined) throw new RangeError("no round was measured");
  const keys = Object.keys(first) as K[]; // exactly K: `first` is a Record<K, number>
  return Object.fromEntries(
    keys.map((key) => [key, median(rounds.map((round) => round[key]))]),
  ) as Record<K, number>; // the same keys again
}
