/**
 * What the queue carries: messages per second from `COMMIT` to the last one done, how soon a single
 * message starts, and how soon the events of a large insert are worked off.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Orla, type SqlClient, startFreshOrla } from "../orla.ts";
import { GraphileWorker, PEER_SCHEMA } from "../peers/graphile-worker.ts";
import type { Table } from "../report.ts";
import { takeTurns } from "../rounds.ts";
import type { Row, RowContext } from "../row.ts";
import { median, percentile } from "../stats.ts";

/** How often the tables are asked whether work is left: the error of a time. */
const pollMs = 10;
const peerConcurrency = 8;
/** Slow enough that each message finds the queue empty. */
const betweenMs = 50;
const insertedRows = 10_000;
const batchSize = 500;

interface Contender {
  readonly name: string;
  /** The library's schema, whose jobs table is empty when all is done. */
  readonly schema: string;
  /** SQL of one message's id. */
  readonly add: string;
}

const eight: Contender = {
  name: "Orla, CONCURRENCY = 8",
  schema: "edge_queue",
  add: `edge.enqueue('eight', '{"n": 1}')`,
};
const defaults: Contender = {
  name: "Orla, default options",
  schema: "edge_queue",
  add: `edge.enqueue('defaults', '{"n": 1}')`,
};
const bare: Contender = {
  name: "graphile-worker by itself, concurrency 8",
  schema: PEER_SCHEMA,
  add: `(${PEER_SCHEMA}.add_job('nothing', '{"n": 1}')).id`,
};
const contenders = [eight, defaults, bare];

const setup = [
  "CREATE EDGE FUNCTION nothing LANGUAGE javascript AS $$ export const main = () => {} $$",
  "CREATE TRIGGER eight ON QUEUE 'eight' CONCURRENCY = 8 EXECUTE EDGE FUNCTION nothing",
  "CREATE TRIGGER defaults ON QUEUE 'defaults' EXECUTE EDGE FUNCTION nothing",
  "CREATE TABLE noted (id int, name text)",
  `CREATE TRIGGER noted AFTER INSERT ON noted FOR EACH ROW BATCH_SIZE = ${batchSize}
     EXECUTE EDGE FUNCTION nothing`,
];

export const queue: Row = {
  name: "queue",
  question: "How much does the queue carry, and how soon?",
  async run(context) {
    if (context.peersOnly) return { row: "queue", tables: [], goals: [] };
    await using started = await startFreshOrla();
    const { orla } = started;
    await orla.sql(...setup);
    await using peer = await GraphileWorker.start(orla.state.databaseUrl, peerConcurrency);
    await using client = await orla.connect("postgres");
    for (const contender of contenders) await throughput(client, contender, 100);
    return {
      row: "queue",
      tables: [
        await measureThroughput(context, client),
        await measureLatency(context, client, orla, peer),
        await measureInsert(context, client),
      ],
      goals: [],
    };
  },
};

async function measureThroughput(context: RowContext, client: SqlClient): Promise<Table> {
  const messages = context.quick ? 1000 : 2000;
  const rounds = context.quick ? 2 : 4;
  const turns = await takeTurns(rounds, contenders, (contender, round) => {
    context.progress(`queue: ${contender.name}, turn ${round + 1} of ${rounds}`);
    return throughput(client, contender, messages);
  });
  return {
    title: `${messages} messages of one transaction, from COMMIT to the last one done`,
    columns: ["messages/s"],
    lines: contenders.map((contender) => ({
      contender: contender.name,
      figures: [median(turns.get(contender) ?? [])],
    })),
    notes: [
      "Orla calls a function in a process of its own, keeps a record of each call and its payload for replay; " +
      "the library by itself calls an empty function within the benchmark's process.",
    ],
  };
}

async function throughput(
  client: SqlClient,
  { schema, add }: Contender,
  messages: number,
): Promise<number> {
  await client.query("BEGIN");
  await client.query(`SELECT count(${add}) FROM generate_series(1, ${messages})`);
  const start = performance.now();
  await client.query("COMMIT");
  await drained(client, schema);
  return messages / (performance.now() - start) * 1000;
}

async function measureLatency(
  context: RowContext,
  client: SqlClient,
  orla: Orla,
  peer: GraphileWorker,
): Promise<Table> {
  const messages = context.quick ? 40 : 150;
  const sentAt = new Map<Contender, Map<string, number>>([
    [defaults, new Map()],
    [bare, new Map()],
  ]);
  context.progress("queue: single messages");
  for (let message = 0; message < messages; message++) {
    for (const [{ add }, times] of sentAt) {
      const at = performance.timeOrigin + performance.now();
      const [row] = await client.query(`SELECT ${add}::text AS id`);
      times.set(String(row?.["id"]), at);
      await pause(betweenMs);
    }
  }
  const started = new Map<Contender, ReadonlyMap<string, number>>([
    [defaults, await startsOf(orla, [...sentAt.get(defaults)?.keys() ?? []])],
    [bare, peer.startedAt],
  ]);
  return {
    title: "One message at a time, from sending the statement to the start of its call",
    columns: ["p50 ms", "p99 ms"],
    lines: [...sentAt].map(([contender, times]) => {
      const waits = [...times].map(([id, at]) => (started.get(contender)?.get(id) ?? NaN) - at);
      if (waits.some(Number.isNaN)) throw new Error(`${contender.name}: a message did not start`);
      return { contender: contender.name, figures: [percentile(waits, 50), percentile(waits, 99)] };
    }),
    notes: [`${messages} messages each, ${betweenMs} ms apart; the commit is part of the time.`],
  };
}

/** When the calls of these messages began; their records are written five times a second. */
async function startsOf(orla: Orla, ids: readonly string[]): Promise<Map<string, number>> {
  await using client = await orla.connect("postgres");
  const list = ids.map((id) => `'${id}'`).join(", ");
  for (;;) {
    const rows = await client.query(
      `SELECT event_id, extract(epoch FROM "timestamp") * 1000 AS at
       FROM system.edge_function_executions WHERE trigger = 'queue' AND event_id IN (${list})`,
    );
    if (rows.length >= ids.length) {
      return new Map(rows.map((row) => [String(row["event_id"]), Number(row["at"])]));
    }
    await pause(pollMs);
  }
}

async function measureInsert(context: RowContext, client: SqlClient): Promise<Table> {
  const rounds = context.quick ? 1 : 5;
  const inserting: number[] = [];
  const processing: number[] = [];
  for (let round = 0; round < rounds; round++) {
    context.progress(`queue: events of ${insertedRows} rows, turn ${round + 1} of ${rounds}`);
    const start = performance.now();
    await client.query(
      `INSERT INTO noted SELECT n, 'name' FROM generate_series(1, ${insertedRows}) AS n`,
    );
    inserting.push(performance.now() - start);
    await drained(client, "edge_queue", "edge.events");
    processing.push(performance.now() - start);
  }
  return {
    title: `INSERT of ${insertedRows} rows, AFTER INSERT FOR EACH ROW BATCH_SIZE = ${batchSize}`,
    columns: ["inserted ms", "every event processed ms"],
    lines: [{ contender: "Orla", figures: [median(inserting), median(processing)] }],
    notes: [],
  };
}

async function drained(client: SqlClient, schema: string, before?: string): Promise<void> {
  const tables = [...before === undefined ? [] : [before], `${schema}._private_jobs`];
  const left = tables.map((table) => `EXISTS (SELECT FROM ${table})`).join(" OR ");
  for (;;) {
    const [row] = await client.query(`SELECT ${left} AS any`);
    if (row?.["any"] === false) return;
    await pause(pollMs);
  }
}
