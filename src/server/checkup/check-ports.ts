/** Whether the ports are free, or taken by the very node that is meant. */
import type { Config } from "../config.ts";
import { listening } from "../listen-error.ts";
import { OrlaError } from "../../base/errors.ts";
import type { NodeState } from "../state-file.ts";
import { type Check, messageOf, ok, problem } from "./check.ts";

export async function checkPorts(config: Config, running: NodeState | null): Promise<Check[]> {
  const { host, httpPort, sqlPort } = config;
  return await Promise.all([
    checkPort("HTTP", host, httpPort, running?.http),
    checkPort("SQL", host, sqlPort, running?.sql),
  ]);
}

async function checkPort(
  what: "HTTP" | "SQL",
  host: string,
  port: number,
  runningUrl: string | undefined,
): Promise<Check> {
  const name = `${what} port`;
  if (runningUrl !== undefined) {
    return ok(name, `the running node listens at ${new URL(runningUrl).host}`);
  }
  try {
    await listening({ what, host, port }, () => Deno.listen({ hostname: host, port }).close());
    return ok(name, port === 0 ? "a free one is picked at the start" : `${host}:${port} is free`);
  } catch (thrown) {
    const hint = thrown instanceof OrlaError ? thrown.hint : undefined;
    return problem(name, messageOf(thrown), hint ?? `set ORLA_${what}_PORT or ORLA_HOST`);
  }
}
