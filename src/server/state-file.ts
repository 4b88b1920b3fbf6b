/**
 * `<data dir>/orla.state.json`: how to reach the running node, for the command line and for scripts.
 * Present exactly while a node runs; one left behind by a killed node is overwritten by the next.
 */
import { join } from "node:path";
import { z } from "zod";
import { readIfPresent, writePrivateFile } from "./private-file.ts";

const stateSchema = z.object({
  pid: z.number().int().positive(),
  /** Base URL. */
  http: z.string(),
  /** `postgres://` URL through the SQL gateway. */
  sql: z.string(),
  /** `postgres://` URL of Postgres itself. */
  databaseUrl: z.string(),
  serviceKey: z.string(),
  anonKey: z.string(),
});

export type NodeState = Readonly<z.infer<typeof stateSchema>>;

export function stateFilePath(dataDir: string): string {
  return join(dataDir, "orla.state.json");
}

/** Writes the file; disposing removes it. */
export async function writeStateFile(dataDir: string, state: NodeState): Promise<AsyncDisposable> {
  const path = stateFilePath(dataDir);
  await writePrivateFile(path, JSON.stringify(state, null, 2) + "\n");
  return {
    async [Symbol.asyncDispose]() {
      await Deno.remove(path).catch((thrown) => {
        if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      });
    },
  };
}

/** `null` when there is no file, or none that can be understood. */
export async function readStateFile(dataDir: string): Promise<NodeState | null> {
  const text = await readIfPresent(stateFilePath(dataDir));
  if (text === null) return null;
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
