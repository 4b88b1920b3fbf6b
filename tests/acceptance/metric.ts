/** Reads a node's `/metrics`. */
import type { Node } from "./http-calls.ts";

/** The value of one series, written as the page writes it: `name{label="value"}`. */
export async function metric(node: Pick<Node, "http">, series: string): Promise<number> {
  const page = await fetch(`${node.http}/metrics`).then((response) => response.text());
  const line = page.split("\n").find((line) => line.startsWith(`${series} `));
  if (line === undefined) throw new Error(`no ${series} in:\n${page}`);
  return Number(line.slice(series.length + 1));
}

/** Instances that have a function and are not about to end. */
export async function assignedInstances(node: Pick<Node, "http">): Promise<number> {
  const states = ["starting", "idle", "busy", "spare"];
  const counts = states.map((state) => metric(node, `orla_instances{state="${state}"}`));
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}
