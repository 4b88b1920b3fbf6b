/**
 * Reads flags, environment and `orla.json` into one frozen {@link Config}, in that precedence.
 *
 * Nothing unknown passes: a misspelt flag, key or `ORLA_*` variable stops the start with its name,
 * and so does a setting whose feature does not exist yet. All problems are reported at once.
 */
import { dirname, isAbsolute, resolve } from "node:path";
import { OrlaError } from "../base/errors.ts";
import { closestName } from "../base/closest-name.ts";
import type { Setting } from "./setting.ts";
import { settingList, type SettingName, settings, type SettingValues } from "./settings.ts";

export interface Config extends SettingValues {
  /** The configuration file that was read. */
  readonly configFile: string | null;
}

export interface ConfigSources {
  /** By flag name without dashes: `{ "http-port": "0" }`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** Named with `--config`; without it `orla.json` in the working directory is read if it is there. */
  readonly configFile?: string;
}

/** A value with the words that name it to its author and the directory its paths start from. */
interface Given {
  readonly value: unknown;
  readonly shown: string;
  readonly baseDirectory: string;
}

/** Throws `OrlaError` `invalid_option` or `not_supported`, one problem a line. */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const file = await readConfigFile(sources);
  const problems: Problem[] = [
    ...unknownNames(Object.keys(sources.flags), (setting) => setting.flag, (name) => `--${name}`),
    ...unknownNames(
      Object.keys(sources.env).filter((name) => name.startsWith("ORLA_")),
      (setting) => setting.env,
      (name) => `environment variable ${name}`,
    ),
    ...unknownNames(
      Object.keys(file?.values ?? {}).filter((key) => key !== "$schema"),
      (_, name) => name,
      (key) => `"${key}" in ${file?.path}`,
    ),
  ];
  const values: Record<string, unknown> = { configFile: file?.path ?? null };
  for (const [name, setting] of settingList) {
    const given = findGiven(name, setting, sources, file);
    const read = readSetting(setting, given, sources.workingDirectory);
    if ("problem" in read) problems.push(read.problem);
    else values[name] = read.value;
  }
  if (problems.length === 0) {
    // Every name of the table has been given its parsed value in the loop above.
    const config = values as unknown as Config;
    problems.push(...contradictions(config));
    if (problems.length === 0) return Object.freeze(config);
  }
  throw problemError(problems);
}

/**
 * The data directory alone, for commands that only look for a running node: a mistake elsewhere in
 * the configuration must not keep anyone from stopping it.
 */
export async function findDataDir(sources: ConfigSources): Promise<string> {
  const { flags, env } = sources;
  const decided = flags["data-dir"] !== undefined || env["ORLA_DATA_DIR"];
  const file = decided ? null : await readConfigFile(sources);
  const given = findGiven("dataDir", settings.dataDir, sources, file);
  const read = readSetting(settings.dataDir, given, sources.workingDirectory);
  if ("problem" in read) throw problemError([read.problem]);
  return String(read.value);
}

interface Problem {
  readonly message: string;
  readonly unsupported?: true;
}

function problemError(problems: readonly Problem[]): OrlaError {
  const unsupported = problems.every((problem) => problem.unsupported === true);
  return new OrlaError(
    unsupported ? "not_supported" : "invalid_option",
    problems.map((problem) => problem.message).join("\n"),
    { hint: "`orla start --help` lists every setting." },
  );
}

function findGiven(
  name: SettingName,
  setting: Setting,
  sources: ConfigSources,
  file: ConfigFile | null,
): Given | undefined {
  const flag = sources.flags[setting.flag];
  if (flag !== undefined) {
    return { value: flag, shown: `--${setting.flag}`, baseDirectory: sources.workingDirectory };
  }
  const variable = sources.env[setting.env];
  // Compose files and CI write `NAME=` for "not set".
  if (variable !== undefined && variable !== "") {
    return { value: variable, shown: setting.env, baseDirectory: sources.workingDirectory };
  }
  if (file !== null && Object.hasOwn(file.values, name)) {
    return {
      value: file.values[name],
      shown: `"${name}" in ${file.path}`,
      baseDirectory: dirname(file.path),
    };
  }
  return undefined;
}

function readSetting(
  setting: Setting,
  given: Given | undefined,
  workingDirectory: string,
): { readonly value: unknown } | { readonly problem: Problem } {
  if (given === undefined) {
    const { default: value } = setting;
    return {
      value: setting.path && typeof value === "string" ? resolve(workingDirectory, value) : value,
    };
  }
  if (setting.unsupported !== undefined) {
    return { problem: { message: `${given.shown}: ${setting.unsupported}`, unsupported: true } };
  }
  const parsed = setting.schema.safeParse(given.value);
  if (!parsed.success) {
    const instead = setting.secret ? "" : `, not ${JSON.stringify(given.value)}`;
    return { problem: { message: `${given.shown} must be ${setting.expects}${instead}` } };
  }
  const value = setting.path && typeof parsed.data === "string"
    ? resolve(given.baseDirectory, parsed.data)
    : parsed.data;
  return { value };
}

function unknownNames(
  written: readonly string[],
  nameOf: (setting: Setting, name: SettingName) => string,
  show: (name: string) => string,
): Problem[] {
  const known = settingList.map(([name, setting]) => nameOf(setting, name));
  return written.filter((name) => !known.includes(name)).map((name) => {
    const meant = closestName(name, known);
    return { message: `${show(name)} is not known${meant ? `; did you mean ${meant}?` : ""}` };
  });
}

function contradictions(config: Config): Problem[] {
  const problems: Problem[] = [];
  if ((config.tlsCert === null) !== (config.tlsKey === null)) {
    problems.push({ message: "ORLA_TLS_CERT and ORLA_TLS_KEY go together: set both or neither" });
  }
  const samePort = config.httpPort !== 0 && config.httpPort === config.sqlPort;
  if (samePort) {
    problems.push({ message: `ORLA_HTTP_PORT and ORLA_SQL_PORT are both ${config.httpPort}` });
  }
  if (config.databaseUrl === null && config.callbackHost !== null) {
    problems.push({
      message: "ORLA_CALLBACK_HOST is for an external Postgres: set DATABASE_URL too, or neither",
    });
  }
  if (
    config.databaseUrl !== null && config.callbackHost === null && !isLocal(config.databaseUrl)
  ) {
    problems.push({
      message: "DATABASE_URL names another machine: set ORLA_CALLBACK_HOST to an address of this " +
        "machine that Postgres can reach",
    });
  }
  const s3 = [config.s3Endpoint, config.s3Bucket, config.s3AccessKey, config.s3SecretKey];
  if (s3.includes(null) && s3.some((value) => value !== null)) {
    problems.push({
      message: "ORLA_S3_ENDPOINT, ORLA_S3_BUCKET, ORLA_S3_ACCESS_KEY and ORLA_S3_SECRET_KEY go " +
        "together: set all or none",
    });
  }
  return problems;
}

/** A host on this machine, or a unix socket. */
function isLocal(databaseUrl: string): boolean {
  const { hostname, searchParams } = new URL(databaseUrl);
  const host = searchParams.get("host") ?? hostname;
  return host === "" || host === "localhost" || host === "[::1]" || host.startsWith("127.") ||
    isAbsolute(host);
}

interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

async function readConfigFile(sources: ConfigSources): Promise<ConfigFile | null> {
  const path = resolve(sources.workingDirectory, sources.configFile ?? "orla.json");
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    const absent = cause instanceof Deno.errors.NotFound;
    if (absent && sources.configFile === undefined) return null;
    const why = absent ? "there is no such file" : String(cause);
    throw new OrlaError("invalid_option", `cannot read ${path}: ${why}`, { cause });
  }
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OrlaError("invalid_option", `${path} is not JSON: ${why}`, { cause });
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new OrlaError("invalid_option", `${path} must hold a JSON object`);
  }
  return { path, values: { ...values } };
}
