/** What a trigger adds to an insert: none, one in PL/pgSQL, those that call an edge function, and one that leaves it to the queue. */
import { type SqlClient, startFreshOrla } from "../orla.ts";
import { takeTurns } from "../rounds.ts";
import type { Row, RowContext } from "../row.ts";
import { median } from "../stats.ts";

const rows = 1000;

interface Contender {
  readonly name: string;
  readonly table: string;
  /** Makes its trigger. */
  readonly trigger: string;
}

const none: Contender = { name: "no trigger", table: "t_none", trigger: "" };
const plpgsql: Contender = {
  name: "BEFORE, PL/pgSQL",
  table: "t_plpgsql",
  trigger: `CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER t_plpgsql BEFORE INSERT ON t_plpgsql FOR EACH ROW EXECUTE FUNCTION pass()`,
};
const edge: Contender = {
  name: "BEFORE, edge function",
  table: "t_edge",
  trigger: `CREATE EDGE FUNCTION check_row(row jsonb) RETURNS boolean LANGUAGE javascript AS $$
      function main(row) { return row.id > 0; }
    $$;
    CREATE TRIGGER t_edge BEFORE INSERT ON t_edge FOR EACH ROW EXECUTE EDGE FUNCTION check_row(NEW.*)`,
};
const later: Contender = {
  name: "AFTER, edge function by the queue",
  table: "t_later",
  trigger:
    `CREATE EDGE FUNCTION note_rows LANGUAGE javascript AS $$ export const main = () => {} $$;
    CREATE TRIGGER t_later AFTER INSERT ON t_later FOR EACH ROW BATCH_SIZE = 500
      EXECUTE EDGE FUNCTION note_rows(NEW.*)`,
};
const sync: Contender = {
  name: "AFTER, edge function with SYNC",
  table: "t_sync",
  trigger: `CREATE TRIGGER t_sync AFTER INSERT ON t_sync FOR EACH ROW SYNC = true
      EXECUTE EDGE FUNCTION check_row(NEW.*)`,
};
const contenders = [none, plpgsql, edge, sync, later];

export const triggers: Row = {
  name: "triggers",
  question: "What does a trigger add to an insert?",
  async run(context) {
    if (context.peersOnly) return { row: "triggers", tables: [], goals: [] };
    await using started = await startFreshOrla();
    await using client = await started.orla.connect();
    for (const { table, trigger } of contenders) {
      await client.query(`CREATE TABLE ${table} (id int, name text)`);
      if (trigger !== "") await client.query(trigger);
    }
    for (const contender of contenders) await insert(client, contender);
    const turns = await measure(context, client);
    const perRow = new Map(
      contenders.map((contender) => [contender, median(turns.get(contender) ?? [])]),
    );
    return {
      row: "triggers",
      tables: [{
        title: `INSERT of ${rows} rows, FOR EACH ROW (median of the turns)`,
        columns: ["per row µs"],
        lines: [...perRow].map(([{ name }, ms]) => ({ contender: name, figures: [ms * 1000] })),
        notes: [
          "One session through the SQL gateway. The queue works on the events meanwhile, on the same cores.",
        ],
      }],
      goals: [{
        what: "BEFORE trigger, added per row",
        limit: 0.3,
        better: "lower",
        unit: "ms",
        measured: (perRow.get(edge) ?? 0) - (perRow.get(none) ?? 0),
      }],
    };
  },
};

function measure(context: RowContext, client: SqlClient): Promise<Map<Contender, number[]>> {
  const rounds = context.quick ? 3 : 15;
  return takeTurns(rounds, contenders, (contender, round) => {
    context.progress(`triggers: ${contender.name}, turn ${round + 1} of ${rounds}`);
    return insert(client, contender);
  });
}

async function insert(client: SqlClient, { table }: Contender): Promise<number> {
  const start = performance.now();
  await client.query(`INSERT INTO ${table} SELECT n, 'name' FROM generate_series(1, ${rows}) AS n`);
  return (performance.now() - start) / rows;
}
