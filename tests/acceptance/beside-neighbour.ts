/** A function under load while something else goes wrong, which must not fail once. */
import assert from "node:assert/strict";
import { callJson, type Node } from "./http-calls.ts";
import { failures, type Load, startLoad } from "./load.ts";
import type { SqlSession } from "./sql-session.ts";

export async function createNeighbour(session: SqlSession): Promise<void> {
  await session.rows(`CREATE EDGE FUNCTION neighbour LANGUAGE javascript TIMEOUT 5s AS $$
    let calls = 0;
    export const main = () => ++calls $$`);
}

/** Runs while the neighbour is under load, in one and the same instance. */
export async function besideNeighbour(
  node: Node,
  work: (neighbour: Load) => Promise<void>,
): Promise<void> {
  const first = Number(await callJson(node, "neighbour"));
  const neighbour = startLoad(node, "neighbour", { workers: 2 });
  try {
    await work(neighbour);
    await neighbour.more(20);
  } finally {
    await neighbour.stop();
  }
  assert.deepEqual(failures(neighbour.answers), []);
  // It counts its calls: a restart would begin anew.
  const last = Math.max(...neighbour.answers.map(({ body }) => Number(body)));
  assert.equal(last, first + neighbour.answers.length);
}
