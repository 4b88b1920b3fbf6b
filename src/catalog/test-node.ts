/** A test endpoint that the database knows as a living node. */
import type { TestDatabase } from "./test-database.ts";
import { type Answer, startTestEndpoint, type TestEndpoint } from "./test-endpoint.ts";

/** Answers with the first argument. */
export const echo: Answer = (_header, input) => ({
  state: "ok",
  body: JSON.stringify(JSON.parse(input)[0] ?? null),
});

export async function startTestNode(
  database: TestDatabase,
  answer: Answer,
  options: { nodeId?: string; port?: number } = {},
): Promise<TestEndpoint> {
  const { rows } = await database.admin.query("SELECT password FROM edge.callback");
  const endpoint = await startTestEndpoint({ password: rows[0].password, answer, ...options });
  await database.admin.query(
    `INSERT INTO edge.nodes (node_id, region, version, callback_host, callback_port)
     VALUES ($1, 'local', '0', '127.0.0.1', $2)
     ON CONFLICT (node_id) DO UPDATE SET callback_port = excluded.callback_port`,
    [options.nodeId ?? "one", endpoint.port],
  );
  return endpoint;
}
