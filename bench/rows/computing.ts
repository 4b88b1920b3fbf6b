/**
 * Calls that keep the processor. One instance runs one of them at a time; what is asked is whether
 * more callers get more processors, without anybody saying so, and what a single caller still waits.
 */
import { setTimeout as pause } from "node:timers/promises";
import { computeSource, roundsFor } from "../compute.ts";
import { greeting, type WarmContender } from "../contender.ts";
import { checkAnswer } from "../load.ts";
import { type Orla, startFreshOrla } from "../orla.ts";
import { startDenoCompute } from "../peers/deno-serve.ts";
import type { Line, Table } from "../report.ts";
import { medians, takeTurns } from "../rounds.ts";
import type { Row } from "../row.ts";

/** Of one processor, for each call: long beside what a call costs otherwise. */
const workMs = 20;
const levels = [1, 2, 16];
/** Another instance is there by then, if there is to be one. */
const growMs = 1000;

export const computing: Row = {
  name: "computing",
  question: "How many computing calls a second, on all processors?",
  async run(context) {
    const rounds = roundsFor(workMs);
    await using stack = new AsyncDisposableStack();
    const contenders: WarmContender[] = [];
    if (!context.peersOnly) {
      const { orla } = stack.use(await startFreshOrla());
      contenders.push(await computingFunction(orla, "Orla", "bench_computing", "", rounds));
      contenders.push(
        await computingFunction(
          orla,
          "Orla, MAX_INSTANCES 1",
          "bench_alone",
          "MAX_INSTANCES 1",
          rounds,
        ),
      );
    }
    contenders.push(stack.use(await startDenoCompute(computeSource, rounds)));
    const lines: Line[] = [];
    for (const connections of levels) {
      const [turns, seconds] = context.quick ? [1, 1] : [3, 3];
      const results = await takeTurns(turns, contenders, async ({ name, endpoint }, turn) => {
        context.progress(
          `computing: ${name}, ${connections} callers, turn ${turn + 1} of ${turns}`,
        );
        await context.load.run(endpoint, { connections, seconds: growMs / 1000 });
        return context.load.run(endpoint, { connections, seconds });
      });
      for (const [{ name }, measured] of results) {
        const { perSecond, p50Ms, p99Ms } = medians(measured);
        lines.push({
          contender: `${name}, ${connections}`,
          figures: [perSecond, perSecond * workMs / 1000, p50Ms, p99Ms],
        });
      }
      // Instances that are not needed at the next level may stay: they have nothing to do.
      await pause(100);
    }
    return { row: "computing", tables: [tableOf(lines)], goals: [] };
  },
};

function tableOf(lines: readonly Line[]): Table {
  return {
    title: `Computing calls, ${workMs} ms of a processor each, by the number of callers`,
    columns: ["calls/s", "processors", "p50 ms", "p99 ms"],
    lines,
    notes: [
      "Processors are calls a second times what one of them takes alone: the node, its Postgres and the " +
      "load generator need the rest.",
    ],
  };
}

async function computingFunction(
  orla: Orla,
  name: string,
  functionName: string,
  options: string,
  rounds: number,
): Promise<WarmContender> {
  await orla.sql(
    `CREATE EDGE FUNCTION ${functionName} LANGUAGE javascript ${options} AS $$
       ${computeSource}
       export default () => {
         compute(${rounds});
         return new Response("${greeting}");
       };
     $$`,
  );
  const endpoint = orla.endpoint(functionName);
  await checkAnswer(endpoint);
  return { name, pid: orla.pid, endpoint, [Symbol.asyncDispose]: () => Promise.resolve() };
}
