/** Instances of as many functions, that have answered some calls each and then nothing for a while. */
import { setTimeout as pause } from "node:timers/promises";
import { HttpConnection } from "./http-client.ts";
import type { Orla } from "./orla.ts";

const callsEach = 10;
/** For garbage collections and the refilling of pools to come to rest. */
const settleMs = 2000;

interface IdleInstances {
  readonly language: "javascript" | "python";
  /** Answers its process id: only a function can tell its own process from the blank ones. */
  readonly code: string;
  readonly count: number;
}

/** Their process ids. */
export async function idleInstances(
  orla: Orla,
  { language, code, count }: IdleInstances,
): Promise<number[]> {
  const names = Array.from({ length: count }, (_, index) => `bench_idle_${language}_${index}`);
  await orla.sql(
    ...names.map((name) => `CREATE EDGE FUNCTION ${name} LANGUAGE ${language} AS $$${code}$$`),
  );
  const pids = new Set<number>();
  for (const name of names) {
    const { url, headers } = orla.endpoint(name);
    using connection = await HttpConnection.open(url);
    for (let call = 0; call < callsEach; call++) {
      const { status, body } = await connection.get(url, headers);
      if (status !== 200) throw new Error(`${url}: ${status} ${body}`);
      pids.add(Number(body));
    }
  }
  if (pids.size !== count) throw new Error(`${pids.size} processes ran ${count} functions`);
  await pause(settleMs);
  return [...pids];
}
