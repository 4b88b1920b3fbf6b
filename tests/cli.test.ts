/** The `orla` command against a running node, and without one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type OrlaProcess, runOrla, startOrlaProcess } from "./orla.ts";

let orla: OrlaProcess;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
});
Deno.test.afterAll(async () => {
  await orla[Symbol.asyncDispose]();
});

const here = () => ({ env: { ORLA_DATA_DIR: orla.dataDir } });
const nowhere = { env: { ORLA_DATA_DIR: "/nonexistent/orla" } };

const clients = [["psql", []], ["the built-in client", ["--no-psql"]]] as const;

Deno.test("status tells where the node is, for people and for programs", async () => {
  const people = await runOrla(["status"], here());
  assert.equal(people.code, 0);
  assert.match(people.stdout, new RegExp(`running \\(pid ${orla.pid}\\)`));
  const { code, stdout } = await runOrla(["status", "--json"], here());
  assert.equal(code, 0);
  const status = JSON.parse(stdout);
  assert.equal(status.running && status.ready, true);
  assert.equal(status.http, orla.http);
  assert.ok(!(people.stdout + stdout).includes(new URL(orla.sqlUrl).password));
});

Deno.test("get prints one value", async () => {
  const cases = [
    ["http", orla.http],
    ["sql", orla.sqlUrl],
    ["database-url", orla.databaseUrl],
    ["service-key", orla.serviceKey],
    ["anon-key", orla.anonKey],
    ["pid", String(orla.pid)],
  ] as const;
  for (const [what, expected] of cases) {
    assert.equal((await runOrla(["get", what], here())).stdout, expected + "\n");
  }
  assert.equal((await runOrla(["get", "everything"], here())).code, 2);
});

for (const [client, flags] of clients) {
  Deno.test(`sql with ${client}: statement, file, error with its place`, async () => {
    const ok = await runOrla(["sql", ...flags, "SELECT 40 + 2 AS answer"], here());
    assert.equal(ok.code, 0, ok.stderr);
    assert.match(ok.stdout, /answer \n-+\n +42\n\(1 row\)/);

    const file = await Deno.makeTempFile({ suffix: ".sql" });
    try {
      await Deno.writeTextFile(
        file,
        "CREATE OR REPLACE EDGE FUNCTION f() RETURNS text LANGUAGE javascript AS $$\n" +
          "function main() { return 'a;b'; }\n$$;\nSELECT f();\n",
      );
      const script = await runOrla(["sql", ...flags, "--file", file], here());
      assert.equal(script.code, 0, script.stderr);
      assert.match(script.stdout, /CREATE EDGE FUNCTION\n/);
      assert.match(script.stdout, / a;b/);
    } finally {
      await Deno.remove(file);
    }

    const wrong = await runOrla(["sql", ...flags, "-c", "CREATE EDGE FUNCTIN g"], here());
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /LINE 1: CREATE EDGE FUNCTIN g\n +\^/);
  });
}

Deno.test("sql takes statements on standard input", async () => {
  const { code, stdout } = await runOrla(["sql", "--no-psql"], {
    ...here(),
    stdin: "SELECT 1 AS one;\nSELECT ';' AS two",
  });
  assert.equal(code, 0);
  assert.match(stdout, /one[^]*two/);
});

Deno.test("without a node, each command says how to start one", async () => {
  for (const command of [["status"], ["stop"], ["get", "sql"], ["sql", "SELECT 1"]]) {
    const { code, stdout, stderr } = await runOrla(command, nowhere);
    assert.equal(code, 3, command.join(" "));
    assert.match(
      stdout + stderr,
      /not running with the data directory \/nonexistent\/orla.*\n.*orla start/,
    );
  }
});

Deno.test("a stale state file is not believed", async () => {
  const directory = await Deno.makeTempDir({ prefix: "orla-test-stale-" });
  try {
    const state = await Deno.readTextFile(join(orla.dataDir, "orla.state.json"));
    await Deno.writeTextFile(join(directory, "orla.state.json"), state);
    const env = { ORLA_DATA_DIR: directory };
    assert.equal((await runOrla(["status"], { env })).code, 3);
    assert.equal((await runOrla(["stop"], { env })).code, 3);
    assert.equal((await runOrla(["status"], here())).code, 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("stop waits until the node is gone", async () => {
  await using other = await startOrlaProcess();
  const { code, stdout } = await runOrla(["stop", "--data-dir", other.dataDir]);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`stopped \\(pid ${other.pid}\\)`));
  assert.equal((await other.status).code, 0);
});

Deno.test("help lists every setting with its variable and default", async () => {
  const { code, stdout } = await runOrla(["start", "--help"]);
  assert.equal(code, 0);
  const flat = stdout.replaceAll(/\s+/g, " ");
  for (const word of ["--http-port <port>", "ORLA_HTTP_PORT, default: 8000", "DATABASE_URL"]) {
    assert.ok(flat.includes(word), word);
  }
  assert.ok(!flat.includes("ORLA_FUNCTIONS_DIR"));
  assert.equal((await runOrla(["strat"])).code, 2);
  assert.match((await runOrla(["strat"])).stderr, /Did you mean start/);
});

Deno.test("completion scripts are generated for each shell, and bash takes its own", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await runOrla(["completion", shell]);
    assert.equal(code, 0);
    for (const word of ["status", "doctor", "http-port", "no-psql", "require"]) {
      assert.ok(stdout.includes(word), word);
    }
  }
  const { stdout: script } = await runOrla(["completion", "bash"]);
  const complete = (words: string) =>
    new Deno.Command("bash", {
      args: [
        "-c",
        `${script}\nCOMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _orla; ` +
        'echo "${COMPREPLY[@]}"',
      ],
    }).outputSync();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  assert.equal(decode(complete("orla sta").stdout), "start status");
  assert.equal(decode(complete("orla start --http").stdout), "--http-port");
  assert.equal(decode(complete("orla completion f").stdout), "fish");
});

Deno.test("version", async () => {
  assert.match((await runOrla(["version"])).stdout, /^orla \d+\.\d+\.\d+ \(deno /);
  assert.match((await runOrla(["--version"])).stdout, /^orla \d+\.\d+\.\d+ \(deno /);
});
