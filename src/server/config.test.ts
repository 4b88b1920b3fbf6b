import assert from "node:assert/strict";
import { join } from "node:path";
import { OrlaError } from "../base/errors.ts";
import { type ConfigSources, loadConfig } from "./config.ts";
import { settingList } from "./settings.ts";

async function load(
  given: Partial<Omit<ConfigSources, "workingDirectory">> & { json?: unknown; text?: string } = {},
) {
  const directory = await Deno.makeTempDir({ prefix: "orla-config-" });
  try {
    const content = given.text ?? (given.json === undefined ? null : JSON.stringify(given.json));
    if (content !== null) await Deno.writeTextFile(join(directory, "orla.json"), content);
    const config = await loadConfig({
      flags: given.flags ?? {},
      env: given.env ?? {},
      workingDirectory: directory,
      ...given.configFile === undefined ? {} : { configFile: given.configFile },
    });
    return { config, directory };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function refusal(given: Parameters<typeof load>[0]): Promise<OrlaError> {
  try {
    await load(given);
  } catch (thrown) {
    assert.ok(thrown instanceof OrlaError, String(thrown));
    return thrown;
  }
  throw new Error("the configuration was accepted");
}

Deno.test("the defaults are those of the contract", async () => {
  const { config, directory } = await load();
  assert.equal(config.httpPort, 8000);
  assert.equal(config.sqlPort, 5433);
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.dataDir, join(directory, ".orla"));
  assert.equal(config.databaseUrl, null);
  assert.ok(Object.isFrozen(config));
});

Deno.test("a flag beats the environment, which beats the file, which beats the default", async () => {
  const json = { httpPort: 1 };
  const env = { ORLA_HTTP_PORT: "2" };
  const flags = { "http-port": "3" };
  assert.equal((await load({ json, env, flags })).config.httpPort, 3);
  assert.equal((await load({ json, env })).config.httpPort, 2);
  assert.equal((await load({ json })).config.httpPort, 1);
});

Deno.test("an empty variable counts as not set", async () => {
  assert.equal((await load({ env: { ORLA_HTTP_PORT: "", REDIS_URL: "" } })).config.httpPort, 8000);
});

Deno.test("times take units", async () => {
  const { config } = await load({
    env: { ORLA_IDLE_TIMEOUT: "1.5min" },
    json: { drainTimeoutMs: 250 },
  });
  assert.equal(config.idleTimeoutMs, 90_000);
  assert.equal(config.drainTimeoutMs, 250);
});

Deno.test("a path in the file starts from the file", async () => {
  const { config, directory } = await load({ json: { dataDir: "state" } });
  assert.equal(config.dataDir, join(directory, "state"));
});

const refused: ReadonlyArray<
  readonly [why: string, given: Parameters<typeof load>[0], message: RegExp, code?: string]
> = [
  [
    "misspelt variable",
    { env: { ORLA_HTP_PORT: "1" } },
    /ORLA_HTP_PORT is not known; did you mean ORLA_HTTP_PORT\?/,
  ],
  ["misspelt key", { json: { htpPort: 1 } }, /"htpPort" in .*orla\.json is not known.*httpPort/],
  ["misspelt flag", { flags: { "sqlport": "1" } }, /--sqlport is not known; did you mean sql-port/],
  ["port out of range", { env: { ORLA_SQL_PORT: "70000" } }, /ORLA_SQL_PORT must be a port.*70000/],
  ["port as a word", { flags: { "http-port": "http" } }, /--http-port must be a port.*"http"/],
  ["file with a fraction", { json: { sqlPort: 1.5 } }, /"sqlPort" in .* must be a port/],
  ["bad URL", { env: { DATABASE_URL: "mysql://u:hunter22@h" } }, /DATABASE_URL must be a postgres/],
  ["one half of TLS", { env: { ORLA_TLS_CERT: "c.pem" } }, /ORLA_TLS_CERT and ORLA_TLS_KEY/],
  ["same port twice", { env: { ORLA_HTTP_PORT: "9", ORLA_SQL_PORT: "9" } }, /both 9/],
  ["short service key", { env: { ORLA_SERVICE_KEY: "hunter2" } }, /ORLA_SERVICE_KEY must be/],
  ["remote database", { env: { DATABASE_URL: "postgres://u@db.example/x" } }, /ORLA_CALLBACK_HOST/],
  ["callback without database", { env: { ORLA_CALLBACK_HOST: "h" } }, /DATABASE_URL too/],
  ["not JSON", { text: "{,}" }, /orla\.json is not JSON/],
  ["not an object", { text: "[]" }, /must hold a JSON object/],
  ["missing file", { configFile: "other.json" }, /other\.json: there is no such file/],
  ["Redis", { env: { REDIS_URL: "http://u:hunter22@h" } }, /REDIS_URL must be a redis:/],
  [
    "folder",
    { json: { functionsDir: "f" } },
    /functionsDir.*not supported yet/,
    "not_supported",
  ],
  ["JWKS", { env: { ORLA_JWKS_URL: "http://id.example/jwks" } }, /ORLA_JWKS_URL must be an https:/],
  ["JWKS with a password", { env: { ORLA_JWKS_URL: "https://u:hunter2@h/" } }, /must be an https:/],
  ["JWT", { env: { ORLA_JWT_SECRET: "hunter2" } }, /ORLA_JWT_SECRET must be at least 32/],
];

for (const [why, given, message, code] of refused) {
  Deno.test(`refused: ${why}`, async () => {
    const error = await refusal(given);
    assert.match(error.message, message);
    assert.equal(error.code, code ?? "invalid_option");
    assert.doesNotMatch(error.message, /hunter2/);
  });
}

Deno.test("all problems are told at once", async () => {
  const { message } = await refusal({
    env: { ORLA_HTTP_PORT: "x", ORLA_NOPE: "1", ORLA_SQL_PORT: "y" },
  });
  assert.equal(message.split("\n").length, 3);
});

Deno.test("every setting has its own variable, flag and words", () => {
  const envs = new Set(settingList.map(([, setting]) => setting.env));
  const flags = new Set(settingList.map(([, setting]) => setting.flag));
  assert.equal(envs.size, settingList.length);
  assert.equal(flags.size, settingList.length);
  for (const [, setting] of settingList) {
    assert.match(setting.env, /^(ORLA_[A-Z0-9_]+|DATABASE_URL|REDIS_URL)$/);
    const expected = setting.env.replace(/^ORLA_/, "").toLowerCase().replaceAll("_", "-");
    assert.equal(setting.flag, expected);
  }
});
