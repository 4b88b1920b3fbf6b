/**
 * The embedded Postgres' own directory ("cluster"): where it lies, and how it is made.
 *
 * It is `<data dir>/postgres`. Root's Postgres runs as another user, who cannot pass through a
 * directory such as /root; then it is `/var/lib/orla/<hash of the data dir>/postgres`, and the file
 * `<data dir>/postgres.location` says so.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { OrlaError } from "../base/errors.ts";
import { type Account, canEnter, chooseAccount, runAs } from "./account.ts";
import { readIfPresent, writePrivateFile } from "./private-file.ts";

export interface Cluster {
  /** The directory Postgres is started with. */
  readonly path: string;
  /** Its parent, which is the data directory unless Postgres could not get there. */
  readonly home: string;
  readonly account: Account | null;
  /** Has to be initialised. */
  readonly isNew: boolean;
}

/** Where root keeps clusters whose data directory other users cannot enter. */
export const SHARED_HOME = "/var/lib/orla";

/** Written once, into postgresql.conf: `ALTER SYSTEM SET` and the owner's edits win over them. */
const SETTINGS: Readonly<Record<string, string>> = {
  max_connections: "200",
  shared_buffers: "128MB",
  // Base backups and streaming replicas work without a restart.
  wal_level: "replica",
  // Half the default: an idle node keeps 32 MB of log, not 80.
  min_wal_size: "32MB",
  jit: "off",
  random_page_cost: "1.1",
  password_encryption: "scram-sha-256",
  log_line_prefix: "%m [%p] %q%u@%d ",
  // The text of a failed statement may hold a secret.
  log_min_error_statement: "panic",
  log_timezone: "UTC",
  timezone: "UTC",
};

export async function locateCluster(dataDir: string): Promise<Cluster> {
  const pointer = join(dataDir, "postgres.location");
  const recorded = (await readIfPresent(pointer))?.trim();
  const home = recorded ?? dataDir;
  const path = join(home, "postgres");
  const owner = await ownerOf(path);
  const account = chooseAccount(owner);
  if (owner !== null) {
    if (await canEnter(account, path)) return { path, home, account, isNew: false };
    throw unreachable(path, account);
  }
  if (recorded !== undefined) {
    throw new OrlaError("unavailable", `${pointer} names ${recorded}, where no database is`, {
      hint: "Restore that directory, or remove the file to begin with an empty database.",
    });
  }
  if (await canEnter(account, dataDir)) return { path, home, account, isNew: true };

  const name = createHash("sha256").update(await Deno.realPath(dataDir)).digest("hex").slice(0, 16);
  const elsewhere = join(SHARED_HOME, name);
  try {
    await Deno.mkdir(elsewhere, { recursive: true, mode: 0o711 });
  } catch (cause) {
    throw unreachable(path, account, cause);
  }
  if (!await canEnter(account, elsewhere)) throw unreachable(path, account);
  await writePrivateFile(pointer, elsewhere + "\n");
  const existing = await ownerOf(join(elsewhere, "postgres"));
  return { path: join(elsewhere, "postgres"), home: elsewhere, account, isNew: existing === null };
}

/** Refuses a cluster of another Postgres than ours, before Postgres does so less clearly. */
export async function checkMajorVersion(cluster: Cluster, majorVersion: string): Promise<void> {
  const madeBy = (await readIfPresent(join(cluster.path, "PG_VERSION")))?.trim() ?? "unknown";
  if (madeBy === majorVersion) return;
  throw new OrlaError(
    "unavailable",
    `the database in ${cluster.path} was made by Postgres ${madeBy}; this Orla runs Postgres ` +
      majorVersion,
    {
      hint: `Run the Orla that made it and move the data over with pg_dump, or pg_upgrade it to ` +
        `${majorVersion}.`,
    },
  );
}

export interface InitialiseOptions {
  readonly initdb: string;
  readonly superuserPassword: string;
  /** Takes the password file for the moment initdb needs it. */
  readonly scratchDir: string;
}

/** Runs initdb beside the goal and renames, so that an interrupted one leaves no half cluster. */
export async function initialiseCluster(
  cluster: Cluster,
  options: InitialiseOptions,
): Promise<void> {
  const draft = join(cluster.home, "postgres.new");
  await Deno.remove(draft, { recursive: true }).catch(ignoreAbsent);
  await Deno.mkdir(draft, { mode: 0o700 });
  const passwordFile = join(options.scratchDir, "initdb.password");
  await Deno.writeTextFile(passwordFile, options.superuserPassword, { mode: 0o600 });
  try {
    if (cluster.account !== null) {
      const { uid, gid } = cluster.account;
      await Promise.all([Deno.chown(draft, uid, gid), Deno.chown(passwordFile, uid, gid)]);
    }
    const { success, stderr } = await runAs(cluster.account, options.initdb, [
      ...["-D", draft, "-U", "postgres", "-A", "scram-sha-256", `--pwfile=${passwordFile}`],
      ...["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "-E", "UTF8"],
      ...Object.entries(SETTINGS).map(([name, value]) => `--set=${name}=${value}`),
    ]);
    if (!success) {
      throw new OrlaError("unavailable", `the database could not be made in ${cluster.path}`, {
        detail: stderr.trim(),
        hint: stderr.trim().split("\n").at(-1) ?? "",
      });
    }
    await Deno.rename(draft, cluster.path);
  } finally {
    await Deno.remove(passwordFile);
    await Deno.remove(draft, { recursive: true }).catch(ignoreAbsent);
  }
}

/**
 * Through Postgres' single-user mode, which asks for no password: for the owner of the directory who
 * has lost theirs. Nothing else may run on the cluster.
 */
export async function setSuperuserPassword(
  cluster: Cluster,
  postgres: string,
  password: string,
): Promise<void> {
  const statement = `ALTER ROLE postgres PASSWORD '${password.replaceAll("'", "''")}'\n`;
  const args = ["--single", "-D", cluster.path, "postgres"];
  const { success, stderr } = await runAs(cluster.account, postgres, args, { stdin: statement });
  if (!success) {
    throw new OrlaError("unavailable", "the database's password could not be set anew", {
      detail: stderr.trim(),
    });
  }
}

async function ownerOf(path: string): Promise<Account | null> {
  try {
    const { uid, gid } = await Deno.stat(path);
    // Both are numbers on the systems we run on; null only on Windows.
    return { uid: uid ?? 0, gid: gid ?? 0 };
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  }
}

function unreachable(path: string, account: Account | null, cause?: unknown): OrlaError {
  return new OrlaError(
    "unavailable",
    `Postgres, which runs as user ${account?.uid ?? Deno.uid()}, cannot get at ${path}`,
    {
      cause,
      hint: "Set ORLA_DATA_DIR to a directory whose parents every user may enter, or start Orla " +
        "as an ordinary user.",
    },
  );
}

function ignoreAbsent(thrown: unknown): void {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}
