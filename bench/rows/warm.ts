/**
 * Warm latency and throughput of a function that does nothing, through the HTTP gateway with key
 * check, execution records, logs and metrics on; the peers do none of that. The load generator runs
 * on the same cores.
 */
import type { WarmContender } from "../contender.ts";
import { greeting } from "../contender.ts";
import { checkAnswer, type LoadResult } from "../load.ts";
import { startFreshOrla } from "../orla.ts";
import { startDenoServe } from "../peers/deno-serve.ts";
import { startNodeHttp } from "../peers/node-http.ts";
import { startNodeWorkerPool } from "../peers/node-workers.ts";
import { startWorkerd } from "../peers/workerd.ts";
import { cpuSecondsOfTree } from "../process.ts";
import type { Goal, Table } from "../report.ts";
import { medians, takeTurns } from "../rounds.ts";
import type { Row, RowContext } from "../row.ts";

type WarmResult = LoadResult & {
  /** Of all the contender's processes, for one request. */
  readonly cpuMicros: number;
};

interface Level {
  readonly title: string;
  readonly connections: number;
}

/** Connections of the throughput measurement: enough that no contender waits for work. */
const saturation = 64;
const levels: readonly Level[] = [
  { title: "Warm latency, 1 connection", connections: 1 },
  { title: "Warm latency, 32 connections", connections: 32 },
  { title: `Throughput, ${saturation} connections`, connections: saturation },
];

export const warm: Row = {
  name: "warm",
  question: "How long does a call take, and how many a second, once the function runs?",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const contenders: WarmContender[] = [];
    if (!context.peersOnly) contenders.push(stack.use(await startOrlaWarm()));
    for (const start of [startDenoServe, startNodeHttp, startWorkerd, startNodeWorkerPool]) {
      contenders.push(stack.use(await start()));
    }
    for (const { endpoint } of contenders) {
      await checkAnswer(endpoint);
      // Lets each one's just-in-time compiler see the load it will be measured with.
      await context.load.run(endpoint, { connections: 32, seconds: 1 });
    }
    const tables: Table[] = [];
    const goals: Goal[] = [];
    for (const level of levels) {
      const results = await measureLevel(context, contenders, level);
      tables.push(tableOf(level, results));
      const orla = results.get("Orla");
      if (orla !== undefined) goals.push(...goalsOf(level, orla));
    }
    return { row: "warm", tables, goals };
  },
};

async function measureLevel(
  context: RowContext,
  contenders: readonly WarmContender[],
  { title, connections }: Level,
): Promise<Map<string, WarmResult>> {
  const [rounds, seconds] = context.quick ? [1, 1] : [4, 3];
  const turns = await takeTurns(rounds, contenders, async ({ name, pid, endpoint }, round) => {
    context.progress(`${title}: ${name}, turn ${round + 1} of ${rounds}`);
    const before = await cpuSecondsOfTree(pid);
    const result = await context.load.run(endpoint, { connections, seconds });
    const cpuMicros = (await cpuSecondsOfTree(pid) - before) * 1e6 / result.requests;
    return { ...result, cpuMicros };
  });
  return new Map([...turns].map(([{ name }, results]) => [name, medians(results)]));
}

function tableOf(level: Level, results: ReadonlyMap<string, WarmResult>): Table {
  const roof = results.get("bare Deno.serve")?.perSecond;
  return {
    title: level.title,
    columns: ["p50 ms", "p99 ms", "requests/s", "of bare Deno.serve", "CPU µs/request"],
    lines: [...results].map(([contender, { p50Ms, p99Ms, perSecond, cpuMicros }]) => ({
      contender,
      figures: [p50Ms, p99Ms, perSecond, roof === undefined ? null : perSecond / roof, cpuMicros],
    })),
    notes: level.connections === 1 ? [cpuNote] : [],
  };
}

const cpuNote =
  "CPU is the processor time of all the contender's processes (Orla: node, instance and Postgres); it " +
  "depends far less on who else uses the machine than the other figures do.";

function goalsOf(level: Level, orla: LoadResult): Goal[] {
  switch (level.connections) {
    case 32:
      return [
        goal("warm call at 32 connections, p50", 0.6, orla.p50Ms),
        goal("warm call at 32 connections, p99", 1.6, orla.p99Ms),
      ];
    case saturation:
      return [{
        what: "throughput of a trivial function",
        limit: 30_000,
        better: "higher",
        unit: "/s",
        measured: orla.perSecond,
      }];
    default:
      return [];
  }
}

function goal(what: string, limit: number, measured: number): Goal {
  return { what, limit, better: "lower", unit: "ms", measured };
}

async function startOrlaWarm(): Promise<WarmContender> {
  const started = await startFreshOrla();
  await started.orla.sql(
    `CREATE EDGE FUNCTION bench_warm LANGUAGE javascript AS $$
       export default () => new Response("${greeting}");
     $$`,
  );
  return {
    name: "Orla",
    pid: started.orla.pid,
    endpoint: started.orla.endpoint("bench_warm"),
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
