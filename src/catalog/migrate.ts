/**
 * Brings a database's `edge` and `system` schemas to this release.
 *
 * Migrations are the numbered files of `migrations/`. Each runs in a transaction of its own and is
 * recorded with its checksum, so that a file changed after its release, or a database of a newer
 * release, is noticed instead of half understood.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Queryable } from "./queryable.ts";

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Any two constants nobody else uses: the advisory lock that lets one node migrate at a time. */
export const MIGRATION_LOCK = [0x6f726c61, 1] as const;
/** Another node's migrations take well under a second; a minute means that it hangs. */
export const LOCK_TIMEOUT_MS = 60_000;

const appliedRow = z.object({ number: z.int(), name: z.string(), checksum: z.string() });

export async function migrate(client: Queryable, log: Logger): Promise<void> {
  const migrations = await readMigrations(new URL("./migrations/", import.meta.url));
  await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query("SELECT pg_catalog.pg_advisory_lock($1, $2)", [...MIGRATION_LOCK]);
  try {
    await client.query("CREATE SCHEMA IF NOT EXISTS edge");
    await client.query(`CREATE TABLE IF NOT EXISTS edge.migrations (
      number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`);
    const { rows } = await client.query("SELECT number, name, checksum FROM edge.migrations");
    for (const migration of pendingMigrations(migrations, z.array(appliedRow).parse(rows))) {
      await apply(client, migration);
      log.info("database migrated", { migration: `${migration.number}-${migration.name}` });
    }
    // Does something after a restore from a dump or an upgrade of the server.
    await client.query("SELECT edge.rebind()");
  } finally {
    await client.query("SELECT pg_catalog.pg_advisory_unlock($1, $2)", [...MIGRATION_LOCK]);
    await client.query("RESET lock_timeout");
  }
}

export async function readMigrations(folder: URL): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  return await Promise.all(files.map(async (file) => {
    const sql = await readFile(new URL(file, folder), "utf8");
    return {
      number: Number(file.slice(0, 4)),
      name: file.slice(5, -".sql".length),
      sql,
      checksum: createHash("sha256").update(sql).digest("hex"),
    };
  }));
}

/** Those still to apply, in order. Throws when database and release do not belong together. */
export function pendingMigrations(
  migrations: readonly Migration[],
  applied: readonly z.infer<typeof appliedRow>[],
): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const { number, name, checksum } of applied) {
    const migration = known.get(number);
    if (migration === undefined) {
      throw new OrlaError(
        "not_supported",
        `the database was migrated by a newer release (migration ${number}-${name})`,
        { hint: "Start that release, or a later one, with this database." },
      );
    }
    if (migration.checksum !== checksum) {
      throw new OrlaError(
        "not_supported",
        `migration ${number}-${name} of this release is not the one the database was migrated by`,
        { hint: "The release's files were changed, or the database is of another build." },
      );
    }
  }
  const done = new Set(applied.map(({ number }) => number));
  return migrations.filter(({ number }) => !done.has(number));
}

async function apply(client: Queryable, migration: Migration): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(migration.sql);
    await client.query(
      "INSERT INTO edge.migrations (number, name, checksum) VALUES ($1, $2, $3)",
      [migration.number, migration.name, migration.checksum],
    );
    await client.query("COMMIT");
  } catch (thrown) {
    await client.query("ROLLBACK");
    throw new OrlaError(
      "internal",
      `migration ${migration.number}-${migration.name} failed: ${
        thrown instanceof Error ? thrown.message : String(thrown)
      }`,
      { cause: thrown },
    );
  }
}
