/** This node's row in `edge.nodes`: how SQL finds it, and how others know that it lives. */
import type { Logger } from "../base/log.ts";
import type { Queryable } from "./queryable.ts";

export interface NodeDescription {
  readonly nodeId: string;
  readonly region: string;
  /** The release. */
  readonly version: string;
  /** Where the callback endpoint listens: an address, or a unix socket's absolute directory. */
  readonly callbackHost: string;
  /** The port, or the number in the socket's name `.s.PGSQL.<number>`. */
  readonly callbackPort: number;
  /** What isolation this machine gives to functions, for people to read. */
  readonly sandbox: Readonly<Record<string, unknown>>;
}

export interface NodeRegistration extends AsyncDisposable {
  /** Withdraws the node: SQL callers go elsewhere from now on. */
  close(): Promise<void>;
}

/** A node counts as dead after 30 s (edge.connect): six beats. */
const HEARTBEAT_EVERY_MS = 5_000;
/** Rows of dead nodes are kept this long for people to see. */
const FORGET_AFTER = "1 hour";

const BEAT = `
  INSERT INTO edge.nodes AS n
    (node_id, region, version, callback_host, callback_port, sandbox)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (node_id) DO UPDATE SET heartbeat_at = pg_catalog.clock_timestamp(),
    callback_host = excluded.callback_host, callback_port = excluded.callback_port`;

/** Where event triggers are not allowed, somebody has to look for dropped and renamed functions. */
const FOLLOW = `
  SELECT edge.follow()
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = 'orla_follow_drop')`;

export async function registerNode(
  database: Queryable,
  node: NodeDescription,
  log: Logger,
): Promise<NodeRegistration> {
  const beat = async (): Promise<void> => {
    await database.query(BEAT, [
      ...[node.nodeId, node.region, node.version, node.callbackHost, node.callbackPort],
      JSON.stringify(node.sandbox),
    ]);
    await database.query(FOLLOW);
  };
  // This node's own row may be of an earlier life that ended without goodbye.
  await database.query(
    `DELETE FROM edge.nodes
     WHERE node_id = $1 OR heartbeat_at < pg_catalog.now() - interval '${FORGET_AFTER}'`,
    [node.nodeId],
  );
  await beat();
  let beating: Promise<void> | undefined;
  const timer = setInterval(() => {
    // While the database is away a beat waits for it; no use in a second one.
    beating ??= beat()
      .catch((thrown) => log.warn("no heartbeat reached the database", { reason: thrown }))
      .finally(() => beating = undefined);
  }, HEARTBEAT_EVERY_MS);

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    closing ??= (async () => {
      clearInterval(timer);
      await beating;
      try {
        await database.query("DELETE FROM edge.nodes WHERE node_id = $1", [node.nodeId]);
      } catch (thrown) {
        log.warn("the node could not be withdrawn; it expires by itself", { reason: thrown });
      }
    })();
  return { close, [Symbol.asyncDispose]: close };
}
