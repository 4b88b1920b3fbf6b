/**
 * `orla doctor` on this machine, as an ordinary user, and where the kernel's protections are really
 * taken away; and nodes that refuse to start there.
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { type OrlaProcess, runOrla, startOrlaProcess } from "./orla.ts";

const isLinux = Deno.build.os === "linux";
const isRoot = isLinux && Deno.uid() === 0;
const NOBODY = 65534;
const asNobody = [
  ...["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"],
];

function test(name: string, when: boolean, run: (home: string) => Promise<void>): void {
  const reason = when ? "" : " (skipped: needs Linux, perhaps root)";
  Deno.test({
    name: `doctor: ${name}${reason}`,
    ignore: !when,
    async fn() {
      const home = await Deno.makeTempDir({ prefix: "orla-doctor-test-" });
      await Deno.chmod(home, 0o777);
      try {
        await run(home);
      } finally {
        await Deno.remove(home, { recursive: true });
      }
    },
  });
}

/** A machine without these; see `hostile/fake_machine.py`. */
function lacking(...what: string[]): string[] {
  const program = fileURLToPath(new URL("hostile/fake_machine.py", import.meta.url));
  return ["python3", program, what.join(), ...isRoot ? asNobody : []];
}

function settings(home: string): Record<string, string> {
  return {
    ...{ ORLA_DATA_DIR: join(home, "data"), DENO_DIR: join(home, "deno"), HOME: home },
    ...{ ORLA_HTTP_PORT: "0", ORLA_SQL_PORT: "0" },
  };
}

interface Told {
  readonly ok: boolean;
  readonly level: number;
  readonly sandbox: Record<string, { level: number; enforced: string[]; missing: unknown[] }>;
  readonly checks: { name: string; state: string; says: string; remedy?: string }[];
}

async function ask(
  home: string,
  args: readonly string[] = [],
  options: { env?: Record<string, string>; prefix?: readonly string[] } = {},
): Promise<Told & { code: number }> {
  const { prefix = [], env = {} } = options;
  const ran = await runOrla(["doctor", "--json", ...args], {
    prefix,
    env: { ...settings(home), ...env },
  });
  ok(ran.stdout.startsWith("{"), ran.stdout + ran.stderr);
  return { code: ran.code, ...JSON.parse(ran.stdout) };
}

function stateOf({ checks }: Told, name: string): string | undefined {
  return checks.find((check) => check.name === name)?.state;
}

test("tells the level of each runtime, and leaves nothing behind", isLinux, async (home) => {
  const told = await ask(home);
  equal(told.code, 0, JSON.stringify(told.checks));
  equal(told.ok, true);
  equal(told.level, isRoot ? 2 : 1);
  deepEqual(Object.keys(told.sandbox), ["javascript", "python", "wasm"]);
  for (const { level, enforced, missing } of Object.values(told.sandbox)) {
    equal(level, told.level);
    equal(enforced.length + missing.length, 6);
  }
  deepEqual(told.checks.filter(({ state }) => state === "problem"), []);
  for (
    const name of [
      "python3 of the launcher",
      "Python environment default",
      "Postgres",
      "HTTP port",
      "disk space",
      "open files",
    ]
  ) {
    equal(stateOf(told, name), "ok", name);
  }
  deepEqual([...Deno.readDirSync(home)].filter(({ name }) => name === "data"), []);
});

test("exit codes tell problems from a level that is too low", isLinux, async (home) => {
  equal((await ask(home, ["--require", "1"])).code, 0);
  equal((await ask(home, ["--require", "3"])).code, 2);
  equal((await ask(home, [], { env: { ORLA_REQUIRE_SANDBOX: "3" } })).code, 2);
  equal((await runOrla(["doctor", "--require", "4"])).code, 2);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const told = await ask(home, [], { env: { ORLA_HTTP_PORT: String(taken.addr.port) } });
  deepEqual([told.code, told.ok, stateOf(told, "HTTP port")], [1, false, "problem"]);
});

test("says what is wrong and what to do about it", isLinux, async (home) => {
  const env = {
    DATABASE_URL: "postgres://nobody@127.0.0.1:1/none",
    ORLA_DATA_DIR: "/proc/nowhere/data",
    ORLA_HTTP_PORT: "0",
  };
  const told = await ask(home, [], { env });
  equal(told.code, 1);
  const wrong = told.checks.filter(({ state }) => state === "problem");
  deepEqual(wrong.map(({ name }) => name), ["data directory", "disk space", "Postgres"]);
  for (const { remedy } of wrong) match(remedy ?? "", /DATABASE_URL|ORLA_DATA_DIR/);
});

test("looks at every Python that functions may run in", isLinux, async (home) => {
  const env = {
    ORLA_PYTHON_PRELOAD: "json,no_such_module_here",
    ORLA_PYTHON_ENVS: JSON.stringify({ ml: { path: "/usr/bin/python3", preload: ["csv"] } }),
  };
  const told = await ask(home, [], { env });
  equal(told.code, 1);
  const byDefault = told.checks.find(({ name }) => name === "Python environment default");
  match(byDefault?.says ?? "", /lacks what is to be preloaded: no_such_module_here$/);
  equal(stateOf(told, "Python environment ml"), "ok");
  const nowhere = await ask(home, [], { env: { ORLA_PYTHON: "/nowhere/python3" } });
  equal(stateOf(nowhere, "Python for functions"), "problem");
});

test("beside a running node, and with its database's clock", isLinux, async () => {
  await using orla = await startOrlaProcess();
  const ran = await runOrla(["doctor"], { env: { ORLA_DATA_DIR: orla.dataDir } });
  equal(ran.code, 0, ran.stdout);
  match(ran.stdout, /^ok {7}HTTP port: the running node listens at 127\.0\.0\.1:\d+$/m);
  match(ran.stdout, /^ok {7}clock: it and the database's differ by 0 ms$/m);
  match(ran.stdout, /^NOT enforced:$/m);
  match(ran.stdout, /^No problem was found\.$/m);
  ok(!ran.stdout.includes(new URL(orla.databaseUrl).password));
  const told = await ask("/nonexistent", [], { env: { ORLA_DATA_DIR: orla.dataDir } });
  deepEqual(await recordedSandbox(orla), { level: told.level, ...told.sandbox });
  const external = await ask("/nonexistent", [], { env: { DATABASE_URL: orla.databaseUrl } });
  deepEqual([stateOf(external, "Postgres"), stateOf(external, "clock")], ["ok", "ok"]);
});

/** What `system.edge_nodes` says, beside what the supervisor enforces itself. */
async function recordedSandbox({ sqlUrl }: OrlaProcess): Promise<unknown> {
  const client = new pg.Client({ connectionString: sqlUrl });
  await client.connect();
  try {
    const { rows } = await client.query("SELECT sandbox FROM system.edge_nodes");
    const { level, javascript, python, wasm } = rows[0].sandbox;
    return { level, javascript, python, wasm };
  } finally {
    await client.end();
  }
}

test("an ordinary user has level 1 and is told how to get more", isRoot, async (home) => {
  const told = await ask(home, ["--require", "2"], { prefix: asNobody });
  deepEqual([told.code, told.level], [2, 1]);
  match(JSON.stringify(told.sandbox["python"]), /run the platform as root/);
});

for (const what of ["landlock", "seccomp"]) {
  test(`a machine without ${what} has level 0, loudly`, isLinux, async (home) => {
    const told = await ask(home, [], { prefix: lacking(what) });
    deepEqual([told.code, told.ok, told.level], [1, false, 0]);
    for (const [runtime, { level, missing }] of Object.entries(told.sandbox)) {
      equal(level, 0);
      match(JSON.stringify(missing), new RegExp(what, "i"));
      equal(stateOf(told, `sandbox of ${runtime}`), "problem");
    }
    match(JSON.stringify(told.checks), /LEVEL 0: NOT ALL IS ENFORCED BY THE KERNEL/);
  });
}

test("a machine with none of it says so for each runtime", isLinux, async (home) => {
  const prefix = lacking("landlock", "seccomp", "namespaces");
  const told = await ask(home, [], { prefix });
  deepEqual([told.code, told.level], [1, 0]);
  for (const { enforced, missing } of Object.values(told.sandbox)) {
    deepEqual([enforced.length, missing.length], [0, 6]);
  }
  const words = JSON.stringify(told.checks);
  match(words, /sandbox of python","state":"problem","says":"LEVEL 0: NOTHING .* are refused/);
  const free = await ask(home, [], { prefix, env: { ORLA_PYTHON_UNCONFINED: "true" } });
  match(JSON.stringify(free.checks), /ORLA_PYTHON_UNCONFINED lets functions run all the same/);
});

test("a node does not start below the required level, and says why", isLinux, async (home) => {
  const { DENO_DIR = "" } = settings(home);
  const start = (level: string, prefix: readonly string[]) =>
    startOrlaProcess({ prefix, env: { DENO_DIR, ORLA_REQUIRE_SANDBOX: level } });
  await rejects(start("1", lacking("landlock")), (error: Error) => {
    match(error.message, /ended with code 1/);
    match(error.message, /confined at level 0 here, and ORLA_REQUIRE_SANDBOX asks for 1:/);
    match(error.message, /not enforced: files other than its own cannot be opened \(Landlock\)/);
    match(error.message, /use a kernel with Landlock enabled/);
    match(error.message, /`orla doctor` tries everything again/);
    return true;
  });
  await using orla = await start("1", []);
  equal((await fetch(`${orla.http}/readyz`)).status, 200);
});
