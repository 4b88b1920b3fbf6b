/** Reads a node's `/metrics`. */
import type { Node } from "./http-calls.ts";

/** The value of one series, written as the page writes it: `name{label="value"}`. */
export async function metric(node: Pick<Node, "http">, series: string): Promise<number> {
  const page = await fetch(`${node.http}/metrics`).then((response) => response.text());
  const line = page.split("\n").find((line) => line.startsWith(`${series} `));
  if (line === undefined) throw new Error(`no ${series} in:\n${page}`);
  return Number(line.slice(series.length + 1));
}
