/**
 * Calls that wait: each holds its connection for seconds on a timer, all at the same time. What must
 * hold is that every one of them succeeds and that all of them really run at the same moment, which
 * their own starting times tell; what is of interest besides is memory and the delay added.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Endpoint } from "../contender.ts";
import { greeting } from "../contender.ts";
import { HttpConnection } from "../http-client.ts";
import { startFreshOrla } from "../orla.ts";
import { startDenoWait } from "../peers/deno-serve.ts";
import { memoryOfAll, programBelow } from "../process.ts";
import type { Goal, Line } from "../report.ts";
import type { Row } from "../row.ts";
import { percentile } from "../stats.ts";

/** Longer than ten thousand calls need to begin on a busy machine. */
const waitMs = 5000;
/** Orla's instances, and the calls each of them may run at once. */
const maxInstances = 8;
const concurrency = 1250;
/** Opened at a time, so that the listener's backlog does not overflow. */
const connectBatch = 500;

interface Held {
  readonly succeeded: number;
  /** The most of them that ran in one moment, by the functions' own clocks. */
  readonly atOnce: number;
  readonly p50Ms: number;
  readonly lastMs: number;
  readonly peakMb: number;
  readonly firstFailure: string | null;
}

export const held: Row = {
  name: "held",
  question: "How many executions can wait at the same time?",
  async run(context) {
    const counts = context.quick ? [1000] : [1000, 2500, 5000, 10_000];
    const lines: Line[] = [];
    const goals: Goal[] = [];
    const notes = [
      `Each call waits ${waitMs} ms on a timer. Memory is the PSS of the server's processes before the ` +
      "calls return (Orla: node and instances, without Postgres).",
    ];
    const add = (name: string, count: number, result: Held) => {
      lines.push({
        contender: `${name}, ${count}`,
        figures: [
          result.succeeded,
          result.atOnce,
          result.p50Ms - waitMs,
          result.lastMs - waitMs,
          result.peakMb,
        ],
      });
      if (result.firstFailure !== null) notes.push(`${name}, ${count}: ${result.firstFailure}`);
    };
    await using stack = new AsyncDisposableStack();
    const peer = stack.use(await startDenoWait(waitMs));
    const orla = context.peersOnly ? undefined : stack.use(await startOrlaHeld());
    for (const count of counts) {
      if (orla !== undefined) {
        context.progress(`held: ${count} calls of Orla`);
        const result = await hold(orla.endpoint, count, orla.pid);
        add("Orla", count, result);
        if (count === counts.at(-1)) {
          goals.push({
            what: `executions held at once (of ${count} tried)`,
            limit: 10_000,
            better: "higher",
            unit: "",
            measured: result.atOnce,
          });
        }
      }
      context.progress(`held: ${count} calls of bare Deno.serve`);
      add(peer.name, count, await hold(peer.endpoint, count, peer.pid));
    }
    return {
      row: "held",
      goals: context.quick ? [] : goals,
      tables: [{
        title: "Executions held at once",
        columns: ["succeeded", "at once", "added p50 ms", "added to the last ms", "memory MB"],
        lines,
        notes,
      }],
    };
  },
};

async function hold(endpoint: Endpoint, count: number, pid: number): Promise<Held> {
  using stack = new DisposableStack();
  const connections: HttpConnection[] = [];
  while (connections.length < count) {
    const size = Math.min(connectBatch, count - connections.length);
    const batch = Array.from({ length: size }, () => HttpConnection.open(endpoint.url));
    for (const connection of await Promise.all(batch)) connections.push(stack.use(connection));
  }
  let firstFailure: string | null = null;
  const times: number[] = [];
  const starts: number[] = [];
  const calls = connections.map(async (connection) => {
    const sentAt = performance.now();
    try {
      const { status, headers, body } = await connection.get(endpoint.url, endpoint.headers);
      if (status === 200 && body === greeting) {
        times.push(performance.now() - sentAt);
        starts.push(Number(headers.get("x-started")));
      } else firstFailure ??= `${status} ${body}`;
    } catch (error) {
      firstFailure ??= String(error);
    }
  });
  // By now all requests are on their way and none has been answered.
  await pause(waitMs * 0.9);
  const peakMb = await serverMemoryMb(pid);
  await Promise.all(calls);
  return {
    succeeded: times.length,
    atOnce: mostAtOnce(starts, waitMs),
    p50Ms: times.length === 0 ? NaN : percentile(times, 50),
    lastMs: times.length === 0 ? NaN : Math.max(...times),
    peakMb,
    firstFailure,
  };
}

/** The most intervals `[start, start + length]` that share a point. */
export function mostAtOnce(starts: readonly number[], length: number): number {
  const sorted = [...starts].sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, start] of sorted.entries()) {
    while (sorted[first]! < start - length) first++; // first ≤ index: it stops there at the latest
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** The server and the processes it runs functions in, which are Deno as well. */
async function serverMemoryMb(pid: number): Promise<number> {
  return (await memoryOfAll([pid, ...await programBelow(pid, "deno")])).pssMb;
}

async function startOrlaHeld(): Promise<
  AsyncDisposable & { readonly endpoint: Endpoint; readonly pid: number }
> {
  const started = await startFreshOrla();
  await started.orla.sql(
    `CREATE EDGE FUNCTION bench_held LANGUAGE javascript
       CONCURRENCY ${concurrency} MAX_INSTANCES ${maxInstances} AS $$
       export default async () => {
         const started = Date.now();
         await new Promise((resolve) => setTimeout(resolve, ${waitMs}));
         return new Response("${greeting}", { headers: { "x-started": String(started) } });
       };
     $$`,
  );
  return {
    endpoint: started.orla.endpoint("bench_held"),
    pid: started.orla.pid,
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
