/** The Postgres behind the node: the embedded one's programs, or what `DATABASE_URL` names. */
import { join } from "node:path";
import pg from "pg";
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";
import { checkDatabase } from "../../catalog/check-database.ts";
import { chooseAccount } from "../account.ts";
import type { Config } from "../config.ts";
import { externalDatabase } from "../database.ts";
import { findPostgresBinaries } from "../postgres-binaries.ts";
import { checkMajorVersion, locateCluster } from "../postgres-cluster.ts";
import { readIfPresent } from "../private-file.ts";
import type { NodeState } from "../state-file.ts";
import { type Check, messageOf, notice, ok, problem } from "./check.ts";

const NAME = "Postgres";
const CONNECT_TIMEOUT_MS = 5_000;

export async function checkDatabaseServer(
  config: Config,
  running: NodeState | null,
): Promise<Check[]> {
  if (config.databaseUrl !== null) {
    const { description } = externalDatabase(config.databaseUrl);
    return await checkReachable(config.databaseUrl, description);
  }
  if (running !== null) {
    return await checkReachable(running.databaseUrl, "the running node's Postgres");
  }
  return [await checkEmbedded(config.dataDir)];
}

const serverRow = z.object({ version: z.string(), now: z.coerce.number() });

async function checkReachable(connectionString: string, description: string): Promise<Check[]> {
  const client = new pg.Client({
    connectionString,
    application_name: "orla doctor",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (thrown) {
    const remedy = "check DATABASE_URL: host, port, user, password and database";
    return [problem(NAME, `${description} cannot be reached: ${messageOf(thrown)}`, remedy)];
  }
  try {
    const before = Date.now();
    const { rows } = await client.query(
      "SELECT current_setting('server_version') AS version, " +
        "extract(epoch FROM clock_timestamp()) * 1000 AS now",
    );
    const after = Date.now();
    const { version, now } = serverRow.parse(rows[0]);
    const problems = await checkDatabase(client);
    return [
      ...problems.length === 0
        ? [ok(NAME, `${description}, version ${version}`)]
        : problems.map(({ problem: what, fix }) => problem(NAME, `${description}: ${what}`, fix)),
      clockCheck({ before, after, now }),
    ];
  } catch (thrown) {
    return [problem(NAME, `${description}: ${messageOf(thrown)}`, "look into the server's log")];
  } finally {
    await client.end().catch(() => {});
  }
}

/** A second makes logs hard to read together; ten make "alive" and "expired" wrong. */
const NOTICED_SKEW_MS = 1_000;
const HARMFUL_SKEW_MS = 10_000;

/** The server's clock against ours, taken at some moment between `before` and `after`. */
export function clockCheck(
  { before, after, now }: { readonly before: number; readonly after: number; readonly now: number },
): Check {
  const name = "clock";
  const skewMs = Math.round(now < before ? before - now : now > after ? now - after : 0);
  const remedy = "let both machines keep time with NTP";
  const says = `it and the database's differ by ${skewMs} ms`;
  if (skewMs >= HARMFUL_SKEW_MS) return problem(name, says, remedy);
  return skewMs >= NOTICED_SKEW_MS ? notice(name, says, remedy) : ok(name, says);
}

/** Without starting it: that its programs run, as the user they would run as, on what is there. */
async function checkEmbedded(dataDir: string): Promise<Check> {
  const scratch = await Deno.makeTempDir({ prefix: "orla-doctor-" });
  try {
    await Deno.chmod(scratch, 0o755);
    const binaries = await findPostgresBinaries({
      account: chooseAccount(null),
      cacheDirs: [scratch],
      log: { info: () => {} },
    });
    const { majorVersion } = binaries;
    if (!await hasCluster(dataDir)) {
      return ok(NAME, `embedded, version ${majorVersion}; its database is made at the first start`);
    }
    const cluster = await locateCluster(dataDir);
    await checkMajorVersion(cluster, majorVersion);
    return ok(NAME, `embedded, version ${majorVersion}, with the database in ${cluster.path}`);
  } catch (thrown) {
    const hint = thrown instanceof OrlaError ? thrown.hint : undefined;
    return problem(NAME, messageOf(thrown), hint ?? "set DATABASE_URL to use one of your own");
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Locating one that is not there would make room for it. */
async function hasCluster(dataDir: string): Promise<boolean> {
  if (await readIfPresent(join(dataDir, "postgres.location")) !== null) return true;
  return await Deno.stat(join(dataDir, "postgres")).then(() => true, () => false);
}
