/** How long `orla start` takes until `/readyz` answers 200. */
import { Orla, temporaryDirectory } from "../orla.ts";
import type { Row } from "../row.ts";
import { percentile } from "../stats.ts";

export const startup: Row = {
  name: "startup",
  question: "How long does orla start take?",
  async run(context) {
    if (context.peersOnly) return { row: "startup", tables: [], goals: [] };
    const [firsts, warms] = context.quick ? [1, 2] : [3, 10];
    const first: number[] = [];
    const warm: number[] = [];
    for (let round = 0; round < firsts; round++) {
      await using directory = await temporaryDirectory();
      context.progress(`startup: new data directory, ${round + 1} of ${firsts}`);
      first.push(await startMs(directory.path));
      if (round > 0) continue;
      for (let start = 0; start < warms; start++) {
        context.progress(`startup: warm data directory, ${start + 1} of ${warms}`);
        warm.push(await startMs(directory.path));
      }
    }
    const p50 = percentile(warm, 50);
    return {
      row: "startup",
      tables: [{
        title: "orla start → /readyz 200",
        columns: ["starts", "p50 ms", "worst ms"],
        lines: [
          {
            contender: "new data directory",
            figures: [firsts, percentile(first, 50), Math.max(...first)],
          },
          { contender: "warm data directory", figures: [warms, p50, Math.max(...warm)] },
        ],
        notes: [],
      }],
      goals: [{
        what: "start on a warm data directory → ready",
        limit: 1.5,
        better: "lower",
        unit: "s",
        measured: p50 / 1000,
      }],
    };
  },
};

async function startMs(directory: string): Promise<number> {
  await using orla = await Orla.start(directory);
  return orla.startMs;
}
