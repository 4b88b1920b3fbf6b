/**
 * `npm run bench -- [row …] [--quick] [--json] [--peers-only]`
 *
 * Measures Orla and its peers in the same run, taking turns. Progress goes to stderr, the report to
 * stdout. A full run stays below ten minutes, a quick one below ninety seconds.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { chooseLoadGenerator } from "./load.ts";
import { describeMachine } from "./machine.ts";
import { printGoals, printTable, type RowReport } from "./report.ts";
import type { Row, RowContext } from "./row.ts";
import { cold } from "./rows/cold.ts";
import { computing } from "./rows/computing.ts";
import { gateway } from "./rows/gateway.ts";
import { held } from "./rows/held.ts";
import { memory } from "./rows/memory.ts";
import { python } from "./rows/python.ts";
import { queue } from "./rows/queue.ts";
import { sql } from "./rows/sql.ts";
import { startup } from "./rows/startup.ts";
import { triggers } from "./rows/triggers.ts";
import { warm } from "./rows/warm.ts";
import { wasm } from "./rows/wasm.ts";

const rows: readonly Row[] = [
  cold,
  warm,
  computing,
  memory,
  python,
  sql,
  gateway,
  startup,
  held,
  wasm,
  triggers,
  queue,
];

function usage(): string {
  const names = rows.map(({ name, question }) => `  ${name.padEnd(9)} ${question}`).join("\n");
  return `npm run bench -- [row …] [--quick] [--json] [--peers-only]\n\nRows (default: all):\n${names}\n`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      "peers-only": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.filter((name) => !rows.some((row) => row.name === name));
  if (values.help || unknown.length > 0) {
    process.stderr.write(unknown.length > 0 ? `no row ${unknown.join(", ")}\n\n` : "");
    process.stdout.write(usage());
    process.exitCode = unknown.length > 0 ? 2 : 0;
    return;
  }
  const load = await chooseLoadGenerator();
  const startedAt = performance.now();
  const context: RowContext = {
    quick: values.quick,
    peersOnly: values["peers-only"],
    load,
    progress: (message) => {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      process.stderr.write(`${String(seconds).padStart(4)} s  ${message}\n`);
    },
  };
  const described = await describeMachine();
  const loadBefore = loadAverage();
  const reports: RowReport[] = [];
  for (const row of rows) {
    if (positionals.length > 0 && !positionals.includes(row.name)) continue;
    reports.push(await row.run(context));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const machine =
    `${described} · load generator: ${load.name} · load average before: ${loadBefore}`;
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ machine, quick: values.quick, seconds, reports }, null, 2)}\n`
      : printReports(machine, seconds, reports),
  );
}

/** Over the last minute: what others do on the machine, when it is read before the run. */
function loadAverage(): string {
  return (Deno.loadavg()[0] ?? 0).toFixed(1);
}

function printReports(machine: string, seconds: number, reports: readonly RowReport[]): string {
  const goals = reports.flatMap((report) => report.goals);
  return [
    `${machine} · ${Math.round(seconds)} s\n`,
    ...reports.flatMap((report) => report.tables).map(printTable),
    ...(goals.length > 0 ? [printGoals(goals)] : []),
  ].join("\n");
}

if (import.meta.main) await main();
