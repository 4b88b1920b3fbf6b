/** The `orla` command against a running node, and without one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
    ["s3-endpoint", `${orla.http}/storage/v1/s3`],
    ["s3-access-key", "orla"],
    ["pid", String(orla.pid)],
  ] as const;
  for (const [what, expected] of cases) {
    assert.equal((await runOrla(["get", what], here())).stdout, expected + "\n");
  }
  const secret = (await runOrla(["get", "s3-secret-key"], here())).stdout;
  assert.match(secret, /^[\w-]{43}\n$/);
  assert.ok(!orla.serviceKey.includes(secret.trim()));
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

const sql = async (statement: string) => {
  const ran = await runOrla(["sql", "--no-psql", statement], here());
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout;
};

Deno.test("queue send: an argument, standard input, many lines, with their options", async () => {
  const one = await runOrla(
    ["queue", "send", "letters", '{"n": 1}', "--delay", "1h", "--key", "ada", "--priority", "-2"],
    here(),
  );
  assert.equal(one.code, 0, one.stderr);
  assert.match(one.stdout, /^\d+\n$/);
  const jobs = await sql("SELECT job_id, status, priority FROM system.edge_jobs");
  assert.match(jobs, new RegExp(`${one.stdout.trim()} \\| delayed +\\| +-2`));

  const unique = ["queue", "send", "letters", "-", "--unique-key", "u"];
  const first = await runOrla(unique, { ...here(), stdin: '["from", "a pipe"]\n' });
  assert.equal(first.code, 0, first.stderr);
  assert.equal((await runOrla(unique, { ...here(), stdin: "2" })).stdout, first.stdout);

  const lines = Array.from({ length: 1_500 }, (_, n) => JSON.stringify({ n })).join("\n\n");
  const many = await runOrla(["queue", "send", "lines", "--lines"], { ...here(), stdin: lines });
  assert.equal(many.code, 0, many.stderr);
  assert.equal(new Set(many.stdout.trim().split("\n")).size, 1_500);
  const broken = await runOrla(["queue", "send", "broken", "-", "--lines"], {
    ...here(),
    stdin: `${lines}\n{"n": \n`,
  });
  assert.equal(broken.code, 1);
  assert.match(
    broken.stderr,
    /1000 messages were sent before this:\n.*line 3000 of standard input/,
  );
  assert.match(
    await sql("SELECT count(*) FROM system.edge_jobs WHERE queue = 'broken'"),
    / 1000\n/,
  );
});

Deno.test("queue send refuses what it cannot send", async () => {
  for (
    const [args, code, message] of [
      [["letters", "hello"], 2, /the message is not JSON: .*\nA text needs quotes/],
      [["letters", "1", "--delay", "soon"], 2, /'--delay <time>' argument 'soon' is invalid/],
      [["letters", "1", "--priority", "1.5"], 2, /It is a whole number/],
      [["letters", "1", "--lines"], 2, /--lines takes standard input, and no message/],
      [["letters", "--lines", "--unique-key", "u"], 2, /no unique key/],
      [["letters", "1", "--url", "x"], 2, /begins with http/],
      [["letters", "1", "--url", "http://x", "--data-dir", "y"], 2, /cannot be used with/],
      [["two words", "1"], 1, /'two words' cannot be the name of a queue/],
      [["letters", "1", "--priority", "99999"], 1, /priority/],
    ] as const
  ) {
    const ran = await runOrla(["queue", "send", ...args], here());
    assert.deepEqual([ran.code, ran.stdout], [code, ""], args.join(" ") + ran.stderr);
    assert.match(ran.stderr, message);
  }
});

Deno.test("hook run prints what became of each function, and fails when one does", async () => {
  await sql(`CREATE EDGE FUNCTION tell LANGUAGE javascript AS $$
      export const handler = (context) => ({ told: context.id });
    $$;
    CREATE EDGE FUNCTION refuse LANGUAGE javascript AS $$
      export const handler = () => { throw new Error("no such luck"); };
    $$;
    CREATE TRIGGER tell ON HOOK 'good' EXECUTE EDGE FUNCTION tell;
    CREATE TRIGGER tell_too ON HOOK 'bad' POSITION 1 EXECUTE EDGE FUNCTION tell;
    CREATE TRIGGER refuse ON HOOK 'bad' POSITION 2 EXECUTE EDGE FUNCTION refuse`);
  const good = await runOrla(["hook", "run", "good", '{"id": 7}'], here());
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /^succeeded {2}tell {2}\d+ ms {2}\{"told":7\}\n$/);
  const bad = await runOrla(["hook", "run", "bad", "-"], { ...here(), stdin: '{"id": 8}' });
  assert.equal(bad.code, 1);
  assert.match(
    bad.stdout,
    /^succeeded {2}tell_too .*8\}\nfailed {5}refuse {2}\d+ ms {2}function_error: no such luck\n$/,
  );
  const json = await runOrla(["hook", "run", "bad", "{}", "--json"], here());
  assert.equal(json.code, 1);
  assert.deepEqual(
    JSON.parse(json.stdout).map(({ status }: { status: string }) => status),
    ["succeeded", "failed"],
  );
  const none = await runOrla(["hook", "run", "nobody"], here());
  assert.deepEqual([none.code, none.stdout, none.stderr], [
    ...[0, "", "No trigger is on the hook nobody.\n"],
  ]);
});

Deno.test("a node elsewhere is reached by its URL, with the key from the environment", async () => {
  const send = (key: string, url = orla.http) =>
    runOrla(["queue", "send", "far", "1", "--url", url], { env: { ORLA_SERVICE_KEY: key } });
  const sent = await send(orla.serviceKey);
  assert.equal(sent.code, 0, sent.stderr);
  const denied = await send(orla.anonKey);
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /^orla: /);
  assert.ok(!denied.stderr.includes(orla.anonKey));
  assert.match((await send("")).stderr, /needs the node's service key in the environment/);
  assert.equal((await send("")).code, 2);
  const gone = await send("key", "http://127.0.0.1:2");
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /POST \/api\/v1\/queues\/far\/messages was not answered/);
});

Deno.test("the node that runs here is reached over TLS, whatever name its certificate is for", async () => {
  const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
  await using secure = await startOrlaProcess({
    env: { ORLA_TLS_CERT: fixture("shop.crt"), ORLA_TLS_KEY: fixture("shop.key") },
  });
  assert.match(secure.http, /^https:/);
  const env = { ORLA_DATA_DIR: secure.dataDir };
  assert.equal((await runOrla(["status"], { env })).code, 0);
  const sent = await runOrla(["queue", "send", "letters", "1"], { env });
  assert.match(sent.stdout, /^\d+\n$/, sent.stderr);
  assert.equal((await runOrla(["hook", "run", "nobody"], { env })).code, 0);
});

Deno.test("without a node, each command says how to start one", async () => {
  for (
    const command of [["status"], ["stop"], ["get", "sql"], ["sql", "SELECT 1"], [
      "queue",
      "send",
      "q",
    ], ["hook", "run", "h"]]
  ) {
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
  assert.equal((await runOrla(["queue"])).code, 2);
  assert.equal((await runOrla(["queue", "snd", "q"])).code, 2);
  assert.match((await runOrla(["queue", "send", "--help"])).stdout, /--unique-key <key>/);
});

Deno.test("completion scripts are generated for each shell, and bash takes its own", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await runOrla(["completion", shell]);
    assert.equal(code, 0);
    for (
      const word of ["status", "doctor", "http-port", "no-psql", "require", "send", "unique-key"]
    ) {
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
  assert.equal(decode(complete("orla queue s").stdout), "send");
  assert.equal(decode(complete("orla queue send --u").stdout), "--url --unique-key");
});

Deno.test("version", async () => {
  assert.match((await runOrla(["version"])).stdout, /^orla \d+\.\d+\.\d+ \(deno /);
  assert.match((await runOrla(["--version"])).stdout, /^orla \d+\.\d+\.\d+ \(deno /);
});
