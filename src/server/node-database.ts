/** The node's database, its own or the one it was given, and where that reaches the node. */
import type { Logger } from "../base/log.ts";
import { besideEmbeddedPostgres, type CallbackPlace, overNetwork } from "./callback-address.ts";
import type { Config } from "./config.ts";
import { type Database, embeddedDatabase, externalDatabase } from "./database.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import type { Keys } from "./keys.ts";
import type { Reaper } from "./reaper.ts";

interface DatabaseParts {
  readonly config: Config;
  readonly keys: Keys;
  readonly areNew: boolean;
  readonly runtimeDir: string;
  readonly reaper: Reaper;
  readonly log: Logger;
}

/** What is started for it is left to `started`. */
export async function openDatabase(
  { config, keys, areNew, runtimeDir, reaper, log }: DatabaseParts,
  started: AsyncDisposableStack,
): Promise<{ database: Database; callback: CallbackPlace }> {
  if (config.databaseUrl !== null) {
    const callback = overNetwork(config.callbackHost, config.callbackPort);
    return { database: externalDatabase(config.databaseUrl), callback };
  }
  const postgres = started.use(
    await startEmbeddedPostgres({
      dataDir: config.dataDir,
      runtimeDir,
      password: keys.databasePassword,
      passwordIsNew: areNew,
      reaper,
      log: log.with({ part: "postgres" }),
    }),
  );
  const callback = await besideEmbeddedPostgres(runtimeDir, postgres.account);
  return { database: embeddedDatabase(postgres), callback };
}
