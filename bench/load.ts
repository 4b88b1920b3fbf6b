/**
 * Load on one endpoint from a fixed number of connections, each sending its next request when the
 * last one's answer has come (a closed loop: it measures service time under that concurrency, not
 * the wait of arrivals that come regardless). `wrk` when it is installed, else a generator of our
 * own, which is slower and says so.
 */
import { type Endpoint, greeting } from "./contender.ts";
import { HttpConnection } from "./http-client.ts";
import { versionOf } from "./programs.ts";
import { percentile } from "./stats.ts";

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
}

// A type and not an interface: `medians` takes it as a record.
export type LoadResult = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
  readonly requests: number;
};

export interface LoadGenerator {
  readonly name: string;
  /** Throws when any request failed: a fast error is not a result. */
  run(endpoint: Endpoint, options: LoadOptions): Promise<LoadResult>;
}

export async function chooseLoadGenerator(): Promise<LoadGenerator> {
  const version = await versionOf("wrk", ["-v"]);
  if (version === undefined) return { name: "built-in (wrk is not installed)", run: runBuiltIn };
  return { name: version.split(" [")[0] ?? version, run: runWrk };
}

/** One call that must answer the greeting, before load is put on the endpoint. */
export async function checkAnswer(endpoint: Endpoint): Promise<void> {
  using connection = await HttpConnection.open(endpoint.url);
  const { status, body } = await connection.get(endpoint.url, endpoint.headers);
  if (status !== 200 || body !== greeting) throw new Error(`${endpoint.url}: ${status} ${body}`);
}

async function runWrk(endpoint: Endpoint, options: LoadOptions): Promise<LoadResult> {
  const headers = Object.entries(endpoint.headers).flatMap((header) => ["-H", header.join(": ")]);
  const { stdout, stderr, success } = await new Deno.Command("wrk", {
    args: [
      "--latency",
      "--threads=1", // one thread sends more than any contender on two cores can answer
      `--connections=${options.connections}`,
      `--duration=${options.seconds}s`,
      ...headers,
      endpoint.url,
    ],
  }).output();
  if (!success) throw new Error(`wrk: ${new TextDecoder().decode(stderr)}`);
  return parseWrk(new TextDecoder().decode(stdout));
}

const milliseconds: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Reads the report `wrk --latency` prints. */
export function parseWrk(report: string): LoadResult {
  const failures = /Socket errors: .*|Non-2xx or 3xx responses: .*/.exec(report)?.[0];
  if (failures !== undefined) throw new Error(`not every request succeeded: ${failures}`);
  const latency = (percent: number) => {
    const found = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)\\s*$`, "m").exec(report);
    if (found === null) throw new Error(`wrk printed no ${percent} %: ${report}`);
    return Number(found[1]) * milliseconds[found[2] ?? ""]!; // the units the pattern allows
  };
  const [p50Ms, p99Ms] = [latency(50), latency(99)];
  const rate = /^Requests\/sec:\s+([\d.]+)$/m.exec(report)?.[1];
  const requests = /^\s+(\d+) requests in /m.exec(report)?.[1];
  if (rate === undefined || requests === undefined) throw new Error(`wrk: no rate in ${report}`);
  return { p50Ms, p99Ms, perSecond: Number(rate), requests: Number(requests) };
}

export async function runBuiltIn(endpoint: Endpoint, options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + options.seconds * 1000;
  await Promise.all(Array.from({ length: options.connections }, async () => {
    using connection = await HttpConnection.open(endpoint.url);
    for (let sentAt = performance.now(); sentAt < end;) {
      const { status } = await connection.get(endpoint.url, endpoint.headers);
      if (status !== 200) throw new Error(`not every request succeeded: status ${status}`);
      const answeredAt = performance.now();
      latencies.push(answeredAt - sentAt);
      sentAt = answeredAt;
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  return {
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    perSecond: latencies.length / seconds,
    requests: latencies.length,
  };
}
