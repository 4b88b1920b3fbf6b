/** Runs `pgbench -S` and reads its report. */
import { versionOf } from "./programs.ts";

export interface PgBenchOptions {
  readonly url: string;
  readonly protocol: "simple" | "prepared";
  readonly clients: number;
  readonly seconds: number;
}

export type PgBenchResult = {
  readonly perSecond: number;
  readonly meanMs: number;
};

export async function hasPgBench(): Promise<boolean> {
  return await versionOf("pgbench") !== undefined;
}

/** Makes pgbench's tables, at the smallest scale: everything fits in memory. */
export async function initPgBench(url: string): Promise<void> {
  await run(["--initialize", "--init-steps=dtgp", "--scale=1", "--quiet", url]);
}

export async function runPgBench(options: PgBenchOptions): Promise<PgBenchResult> {
  return parsePgBench(
    await run([
      "--no-vacuum",
      "--select-only",
      `--protocol=${options.protocol}`,
      `--client=${options.clients}`,
      `--time=${options.seconds}`,
      options.url,
    ]),
  );
}

async function run(args: readonly string[]): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command("pgbench", {
    args: [...args],
  }).output();
  if (!success) throw new Error(`pgbench: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Reads what pgbench prints at the end; refuses a run in which a transaction failed. */
export function parsePgBench(report: string): PgBenchResult {
  const number = (pattern: RegExp) => {
    const found = pattern.exec(report)?.[1];
    if (found === undefined) throw new Error(`pgbench printed no ${pattern}: ${report}`);
    return Number(found);
  };
  if (number(/^number of failed transactions: (\d+)/m) > 0) throw new Error(report);
  return {
    perSecond: number(/^tps = ([\d.]+) \(without initial connection time\)$/m),
    meanMs: number(/^latency average = ([\d.]+) ms$/m),
  };
}
