/** What calling an edge function costs inside a query, against the same function in PL/pgSQL. */
import { type SqlClient, startFreshOrla } from "../orla.ts";
import type { RowReport } from "../report.ts";
import { takeTurns } from "../rounds.ts";
import type { Row, RowContext } from "../row.ts";
import { median, percentile } from "../stats.ts";

const rows = 1000;

interface Contender {
  readonly name: string;
  readonly functionName: string;
}

const edge: Contender = { name: "edge function", functionName: "bench_edge" };
const plpgsql: Contender = { name: "PL/pgSQL function", functionName: "bench_plpgsql" };
const contenders = [edge, plpgsql];

interface Turn {
  readonly perRowMs: number;
  readonly singleMs: readonly number[];
}

export const sql: Row = {
  name: "sql",
  question: "What does SELECT f(x) cost?",
  async run(context) {
    if (context.peersOnly) return { row: "sql", tables: [], goals: [] };
    await using started = await startFreshOrla();
    await using client = await started.orla.connect();
    await client.query(
      `CREATE EDGE FUNCTION ${edge.functionName}(x INT) RETURNS INT LANGUAGE javascript AS $$
         function main(x) { return x + 1; }
       $$`,
    );
    await client.query(
      `CREATE FUNCTION ${plpgsql.functionName}(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
         BEGIN RETURN x + 1; END
       $$`,
    );
    // The first call of a session opens its connection to the node.
    for (const contender of contenders) await measure(client, contender, 100);
    return report(await run(context, client), context);
  },
};

function run(context: RowContext, client: SqlClient): Promise<Map<Contender, Turn[]>> {
  const rounds = context.quick ? 3 : 15;
  return takeTurns(rounds, contenders, (contender, round) => {
    context.progress(`sql: ${contender.name}, turn ${round + 1} of ${rounds}`);
    return measure(client, contender, 50);
  });
}

async function measure(client: SqlClient, contender: Contender, singles: number): Promise<Turn> {
  const start = performance.now();
  const [row] = await client.query(
    `SELECT sum(${contender.functionName}(x)) AS sum FROM generate_series(1, ${rows}) AS x`,
  );
  const perRowMs = (performance.now() - start) / rows;
  const expected = rows * (rows + 1) / 2 + rows;
  if (Number(row?.["sum"]) !== expected) {
    throw new Error(`${contender.name} computed ${row?.["sum"]} instead of ${expected}`);
  }
  const singleMs: number[] = [];
  for (let call = 0; call < singles; call++) {
    const sentAt = performance.now();
    await client.query(`SELECT ${contender.functionName}(1)`);
    singleMs.push(performance.now() - sentAt);
  }
  return { perRowMs, singleMs };
}

function report(turns: ReadonlyMap<Contender, readonly Turn[]>, context: RowContext): RowReport {
  const results = new Map(contenders.map((contender) => {
    const all = turns.get(contender) ?? [];
    const singles = all.flatMap((turn) => turn.singleMs);
    return [contender, {
      perRowMs: median(all.map((turn) => turn.perRowMs)),
      p50: percentile(singles, 50),
      p99: percentile(singles, 99),
    }];
  }));
  const added = (results.get(edge)?.perRowMs ?? 0) - (results.get(plpgsql)?.perRowMs ?? 0);
  return {
    row: "sql",
    tables: [{
      title: `SELECT f(x) over ${rows} rows, and SELECT f(1) alone (${
        context.quick ? "quick" : "median of the turns"
      })`,
      columns: ["per row µs", "single p50 ms", "single p99 ms"],
      lines: [...results].map(([{ name }, { perRowMs, p50, p99 }]) => ({
        contender: name,
        figures: [perRowMs * 1000, p50, p99],
      })),
      notes: ["One session through the SQL gateway, simple protocol."],
    }],
    goals: [{
      what: "SELECT f(x), added per row",
      limit: 0.3,
      better: "lower",
      unit: "ms",
      measured: added,
    }],
  };
}
