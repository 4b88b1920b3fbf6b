/**
 * The SQL gateway under ordinary traffic: pgbench's read-only transactions straight to Postgres,
 * through pgbouncer, and through Orla, all to the same server.
 */
import { startFreshOrla } from "../orla.ts";
import { startPgBouncer } from "../peers/pgbouncer.ts";
import { hasPgBench, initPgBench, type PgBenchOptions, runPgBench } from "../pgbench.ts";
import type { Goal, RowReport, Table } from "../report.ts";
import { medians, takeTurns } from "../rounds.ts";
import type { Row, RowContext } from "../row.ts";

interface Route {
  readonly name: "direct" | "pgbouncer" | "Orla";
  readonly url: string;
}

type Load = Pick<PgBenchOptions, "protocol" | "clients">;

const loads: readonly Load[] = [
  { protocol: "simple", clients: 1 },
  { protocol: "simple", clients: 8 },
  { protocol: "prepared", clients: 1 },
  { protocol: "prepared", clients: 8 },
];

export const gateway: Row = {
  name: "gateway",
  question: "What does the SQL gateway cost ordinary statements?",
  async run(context) {
    if (context.peersOnly) return skipped("needs Orla's Postgres");
    if (!await hasPgBench()) return skipped("pgbench is not installed");
    await using stack = new AsyncDisposableStack();
    const { state } = stack.use(await startFreshOrla()).orla;
    const routes: Route[] = [{ name: "direct", url: state.databaseUrl }];
    const bouncer = await startPgBouncer(state.databaseUrl);
    if (bouncer !== undefined) {
      stack.use(bouncer);
      routes.push({ name: "pgbouncer", url: bouncer.url });
    }
    routes.push({ name: "Orla", url: state.sql });
    await initPgBench(state.databaseUrl);
    const tables: Table[] = [];
    const goals: Goal[] = [];
    for (const load of loads) {
      const result = await measureLoad(context, routes, load);
      tables.push(result.table);
      goals.push(...result.goals);
    }
    return { row: "gateway", tables, goals };
  },
};

async function measureLoad(
  context: RowContext,
  routes: readonly Route[],
  load: Load,
): Promise<{ table: Table; goals: Goal[] }> {
  const [rounds, seconds] = context.quick ? [1, 1] : [3, 3];
  const title = `pgbench -S, ${load.protocol} protocol, ${load.clients} client${
    load.clients === 1 ? "" : "s"
  }`;
  const turns = await takeTurns(rounds, routes, ({ name, url }, round) => {
    context.progress(`${title}: ${name}, turn ${round + 1} of ${rounds}`);
    return runPgBench({ ...load, url, seconds });
  });
  const results = new Map([...turns].map(([{ name }, all]) => [name, medians(all)]));
  const ratio = (of: Route["name"], to: Route["name"]) => {
    const [above, below] = [results.get(of), results.get(to)];
    return above === undefined || below === undefined ? null : above.perSecond / below.perSecond;
  };
  const measured = ratio("Orla", "pgbouncer");
  return {
    table: {
      title,
      columns: ["transactions/s", "mean ms", "of direct", "of pgbouncer"],
      lines: [...results].map(([name, { perSecond, meanMs }]) => ({
        contender: name,
        figures: [perSecond, meanMs, ratio(name, "direct"), ratio(name, "pgbouncer")],
      })),
      notes: [],
    },
    goals: measured === null ? [] : [{
      what: `${title}: Orla's gateway ÷ pgbouncer`,
      limit: 0.9,
      better: "higher",
      unit: "",
      measured,
    }],
  };
}

function skipped(reason: string): RowReport {
  return {
    row: "gateway",
    goals: [],
    tables: [{ title: `SQL gateway: not measured (${reason})`, columns: [], lines: [], notes: [] }],
  };
}
