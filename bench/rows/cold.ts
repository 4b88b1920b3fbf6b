/**
 * Cold start: the first HTTP request ever to a function that exists, from the request's first byte
 * to the answer's last, on a connection that is open already. The functions are made beforehand.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { ColdContender, Endpoint } from "../contender.ts";
import { greeting } from "../contender.ts";
import { HttpConnection } from "../http-client.ts";
import { startFreshOrla } from "../orla.ts";
import { startDenoPerCall } from "../peers/deno-run.ts";
import { startNodeCompileInPool, startNodeThreadPerFunction } from "../peers/node-workers.ts";
import { startWorkerdLoader } from "../peers/workerd.ts";
import type { RowReport, Table } from "../report.ts";
import { takeTurns } from "../rounds.ts";
import type { Row, RowContext } from "../row.ts";
import { median, percentile } from "../stats.ts";

/** Between one answer and the next request: 20 new functions a second is a busy platform. */
const pauseMs = 50;
/** First calls that warm up each contender's own code, unmeasured. */
const warmUpCalls = 10;
/** Functions called in the same moment. */
const burstSize = 50;
/** For pools to fill up again after other contenders used the machine. */
const settleMs = 500;

interface ColdCall {
  readonly ms: number;
  /** `cold` of the `server-timing` header, from a contender that sends it. */
  readonly coldMs: number | null;
}

export const cold: Row = {
  name: "cold",
  question: "How long does the first call of a function take?",
  async run(context) {
    await using stack = new AsyncDisposableStack();
    const contenders: ColdContender[] = [];
    if (!context.peersOnly) contenders.push(stack.use(await startOrlaCold()));
    for (
      const start of [
        startWorkerdLoader,
        startNodeThreadPerFunction,
        startNodeCompileInPool,
        startDenoPerCall,
      ]
    ) {
      contenders.push(stack.use(await start()));
    }
    for (const contender of contenders) {
      await callOneByOne(await contender.fresh(warmUpCalls));
    }
    const oneByOne = await measureOneByOne(context, contenders);
    const burst = await measureBurst(context, contenders);
    return { row: "cold", tables: [oneByOne.table, burst], goals: oneByOne.goals };
  },
};

async function measureOneByOne(
  context: RowContext,
  contenders: readonly ColdContender[],
): Promise<{ table: Table; goals: RowReport["goals"] }> {
  const [rounds, calls] = context.quick ? [2, 10] : [4, 50];
  const turns = await takeTurns(rounds, contenders, async (contender, round) => {
    context.progress(`cold: ${contender.name}, turn ${round + 1} of ${rounds}`);
    const endpoints = await contender.fresh(calls);
    await pause(settleMs);
    return callOneByOne(endpoints);
  });
  const results = contenders.map((contender) => {
    const all = (turns.get(contender) ?? []).flat();
    const times = all.map((call) => call.ms);
    const server = all.map((call) => call.coldMs).filter((ms) => ms !== null);
    return {
      contender: contender.name,
      p50: percentile(times, 50),
      p99: percentile(times, 99),
      server: server.length === 0 ? null : median(server),
    };
  });
  const orla = results.find((result) => result.contender === "Orla");
  return {
    table: {
      title: `Cold start, one function after the other (${rounds * calls} functions each)`,
      columns: ["p50 ms", "p99 ms", "server's own p50 ms"],
      lines: results.map(({ contender, p50, p99, server }) => ({
        contender,
        figures: [p50, p99, server],
      })),
      notes: [
        `${pauseMs} ms between an answer and the next call. Orla and \`deno run\` give each function a ` +
        "process, workerd an isolate, `new Worker` a thread, `new Function` nothing of its own.",
      ],
    },
    goals: orla === undefined ? [] : [{
      what: "JS cold start, request in → response out, p99",
      limit: 5,
      better: "lower",
      unit: "ms",
      measured: orla.p99,
    }],
  };
}

async function measureBurst(
  context: RowContext,
  contenders: readonly ColdContender[],
): Promise<Table> {
  const rounds = context.quick ? 1 : 3;
  const turns = await takeTurns(rounds, contenders, async (contender, round) => {
    context.progress(`cold burst: ${contender.name}, turn ${round + 1} of ${rounds}`);
    const endpoints = await contender.fresh(burstSize);
    await pause(settleMs);
    const start = performance.now();
    const times = await callAtOnce(endpoints);
    return {
      p50: percentile(times, 50),
      last: Math.max(...times),
      perSecond: burstSize / ((performance.now() - start) / 1000),
    };
  });
  return {
    title: `Cold start, ${burstSize} functions at once (median of ${rounds} bursts)`,
    columns: ["p50 ms", "last ms", "functions/s"],
    lines: contenders.map((contender) => {
      const all = turns.get(contender) ?? [];
      return {
        contender: contender.name,
        figures: [
          median(all.map((turn) => turn.p50)),
          median(all.map((turn) => turn.last)),
          median(all.map((turn) => turn.perSecond)),
        ],
      };
    }),
    notes: [],
  };
}

export async function callOneByOne(endpoints: readonly Endpoint[]): Promise<ColdCall[]> {
  const [first] = endpoints;
  if (first === undefined) return [];
  using connection = await HttpConnection.open(first.url);
  const calls: ColdCall[] = [];
  for (const endpoint of endpoints) {
    calls.push(await coldCall(connection, endpoint));
    await pause(pauseMs);
  }
  return calls;
}

async function callAtOnce(endpoints: readonly Endpoint[]): Promise<number[]> {
  using stack = new DisposableStack();
  const ready = await Promise.all(endpoints.map(async (endpoint) => {
    const connection = stack.use(await HttpConnection.open(endpoint.url));
    return { connection, endpoint };
  }));
  const calls = ready.map(({ connection, endpoint }) => coldCall(connection, endpoint));
  return (await Promise.all(calls)).map((call) => call.ms);
}

async function coldCall(connection: HttpConnection, endpoint: Endpoint): Promise<ColdCall> {
  const start = performance.now();
  const { status, headers, body } = await connection.get(endpoint.url, endpoint.headers);
  const ms = performance.now() - start;
  if (status !== 200 || body !== greeting) throw new Error(`${endpoint.url}: ${status} ${body}`);
  const timing = headers.get("server-timing");
  if (timing === undefined) return { ms, coldMs: null };
  const coldMs = /\bcold;dur=([\d.]+)/.exec(timing)?.[1];
  if (coldMs === undefined) throw new Error(`${endpoint.url} was not cold: ${timing}`);
  return { ms, coldMs: Number(coldMs) };
}

async function startOrlaCold(): Promise<ColdContender> {
  const started = await startFreshOrla();
  let made = 0;
  let names: string[] = [];
  return {
    name: "Orla",
    async fresh(count) {
      // Otherwise instances of hundreds of functions that nobody calls again would pile up.
      const drops = names.map((name) => `DROP EDGE FUNCTION ${name}`);
      names = Array.from({ length: count }, () => `bench_cold_${made++}`);
      const code = `export default () => new Response("${greeting}");`;
      const creations = names.map((name) =>
        `CREATE EDGE FUNCTION ${name} LANGUAGE javascript AS $$ ${code} $$`
      );
      await started.orla.sql(...drops, ...creations);
      return names.map((name) => started.orla.endpoint(name));
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
