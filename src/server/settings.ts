/**
 * Every setting of `orla start`, once: the command line's help, the documentation and the reader of
 * the configuration (config.ts) all come from this table.
 *
 * A setting listed as `unsupported` is one the platform will have; setting it is refused, so that
 * nobody relies on what is not there.
 */
import { z } from "zod";
import { type LogLevel, logLevels } from "../base/log.ts";
import {
  duration,
  httpUrl,
  integer,
  keySetUrl,
  moduleNames,
  optionalText,
  postgresUrl,
  pythonEnvironments,
  type PythonEnvironmentSettings,
  redisUrl,
  size,
  text,
  yesOrNo,
} from "./setting-schema.ts";

export interface Setting<T = unknown> {
  /** Name of the environment variable. */
  readonly env: string;
  /** Name of the command line's flag, without dashes. */
  readonly flag: string;
  /** Reads a string (environment, flag) or a JSON value (file). */
  readonly schema: z.ZodType<T>;
  /** Completes "… must be". */
  readonly expects: string;
  readonly default: T;
  /** The default as help shows it, where the value itself says too little. */
  readonly shownDefault?: string;
  /** Placeholder in help. */
  readonly value: string;
  readonly help: string;
  /** Never printed. */
  readonly secret?: true;
  /** A path: relative to the file it stands in, or to the working directory. */
  readonly path?: true;
  /** Why setting it is refused. */
  readonly unsupported?: string;
}

function setting<T>(description: Setting<T>): Setting<T> {
  return description;
}

const DAY_MS = 86_400_000;
const MB = 2 ** 20;

export const settings = {
  httpPort: setting({
    env: "ORLA_HTTP_PORT",
    flag: "http-port",
    value: "port",
    schema: integer(0, 65535),
    expects: "a port from 0 to 65535",
    default: 8000,
    help: "port for HTTP; 0 picks a free one",
  }),
  sqlPort: setting({
    env: "ORLA_SQL_PORT",
    flag: "sql-port",
    value: "port",
    schema: integer(0, 65535),
    expects: "a port from 0 to 65535",
    default: 5433,
    help: "port for SQL clients; 0 picks a free one",
  }),
  host: setting({
    env: "ORLA_HOST",
    flag: "host",
    value: "address",
    schema: text,
    expects: "an address to listen on",
    default: "127.0.0.1",
    help: "address both ports listen on; 0.0.0.0 for every network",
  }),
  dataDir: setting({
    env: "ORLA_DATA_DIR",
    flag: "data-dir",
    value: "path",
    schema: text,
    expects: "a path",
    default: ".orla",
    shownDefault: "./.orla",
    path: true,
    help: "directory for the state file, the keys, logs and the embedded Postgres",
  }),
  databaseUrl: setting<string | null>({
    env: "DATABASE_URL",
    flag: "database-url",
    value: "url",
    schema: postgresUrl,
    expects: "a postgres:// URL",
    default: null,
    shownDefault: "the embedded Postgres",
    secret: true,
    help: "use this Postgres (14 or newer) instead of the embedded one",
  }),
  databaseConnections: setting({
    env: "ORLA_DATABASE_CONNECTIONS",
    flag: "database-connections",
    value: "count",
    schema: integer(2, 1000),
    expects: "a whole number from 2 to 1000",
    default: 10,
    help: "connections to Postgres for the records of executions; Orla holds a handful more itself",
  }),
  functionDatabaseConnections: setting({
    env: "ORLA_FUNCTION_DATABASE_CONNECTIONS",
    flag: "function-database-connections",
    value: "count",
    schema: integer(1, 1000),
    expects: "a whole number from 1 to 1000",
    default: 20,
    help: "connections to Postgres that functions may use, all of them together",
  }),
  databaseConnectionsPerFunction: setting({
    env: "ORLA_DATABASE_CONNECTIONS_PER_FUNCTION",
    flag: "database-connections-per-function",
    value: "count",
    schema: integer(1, 1000),
    expects: "a whole number from 1 to 1000",
    default: 5,
    help: "how many of those one function may use at once; more wait",
  }),
  callbackHost: setting<string | null>({
    env: "ORLA_CALLBACK_HOST",
    flag: "callback-host",
    value: "address",
    schema: optionalText,
    expects: "an address of this machine",
    default: null,
    shownDefault: "127.0.0.1 with a database on this machine",
    help: "address at which Postgres reaches this node to run functions called in SQL",
  }),
  callbackPort: setting({
    env: "ORLA_CALLBACK_PORT",
    flag: "callback-port",
    value: "port",
    schema: integer(0, 65535),
    expects: "a port from 0 to 65535",
    default: 0,
    help: "port of the same; 0 picks a free one",
  }),
  serviceKey: setting<string | null>({
    env: "ORLA_SERVICE_KEY",
    flag: "service-key",
    value: "key",
    // A guessable administrator's key is worse than an error at start.
    schema: z.string().regex(/^[\x21-\x7e]{8,512}$/),
    expects: "at least 8 printable characters without spaces",
    default: null,
    shownDefault: "made at the first start, kept in the data directory",
    secret: true,
    help: "the administrator's API key",
  }),
  region: setting({
    env: "ORLA_REGION",
    flag: "region",
    value: "name",
    schema: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
    expects: "a name of letters, digits, dots, dashes and underscores",
    default: "local",
    help: "label of this node, kept with every execution",
  }),
  tlsCert: setting<string | null>({
    env: "ORLA_TLS_CERT",
    flag: "tls-cert",
    value: "path",
    schema: optionalText,
    expects: "a path",
    default: null,
    path: true,
    help: "certificate chain (PEM): HTTP becomes HTTPS, SQL clients may use TLS",
  }),
  tlsKey: setting<string | null>({
    env: "ORLA_TLS_KEY",
    flag: "tls-key",
    value: "path",
    schema: optionalText,
    expects: "a path",
    default: null,
    path: true,
    help: "private key (PEM) of the certificate",
  }),
  blankProcesses: setting({
    env: "ORLA_BLANK_PROCESSES",
    flag: "blank-processes",
    value: "count",
    schema: integer(0, 256),
    expects: "a whole number from 0 to 256",
    default: 4,
    help: "started processes kept ready for the next cold start",
  }),
  idleTimeoutMs: setting({
    env: "ORLA_IDLE_TIMEOUT",
    flag: "idle-timeout",
    value: "time",
    schema: duration(100, 30 * DAY_MS),
    expects: "a time such as 90s or 5min, at least 100ms",
    default: 60_000,
    shownDefault: "1min",
    help: "an instance without calls is stopped after this time",
  }),
  maxInstances: setting({
    env: "ORLA_MAX_INSTANCES",
    flag: "max-instances",
    value: "count",
    schema: integer(1, 10_000),
    expects: "a whole number from 1 to 10000",
    default: 256,
    help: "instances of all functions together; each also has its own MAX_INSTANCES",
  }),
  queueConcurrency: setting({
    env: "ORLA_QUEUE_CONCURRENCY",
    flag: "queue-concurrency",
    value: "count",
    schema: integer(1, 1000),
    expects: "a whole number from 1 to 1000",
    default: 32,
    help: "jobs of asynchronous triggers that this node runs at the same time",
  }),
  memoryBudgetBytes: setting<number | null>({
    env: "ORLA_MEMORY_BUDGET",
    flag: "memory-budget",
    value: "size",
    schema: z.union([size(64 * MB, 2 ** 50), z.null()]),
    expects: "a size such as 512MB or 8GB, at least 64MB",
    default: null,
    shownDefault: "half of the machine's or the container's memory",
    help: "memory of all instances together; idle ones end when it is used up",
  }),
  instanceMaxAgeMs: setting({
    env: "ORLA_INSTANCE_MAX_AGE",
    flag: "instance-max-age",
    value: "time",
    schema: duration(1000, 366 * DAY_MS),
    expects: "a time such as 12h or 7d, at least 1s",
    default: DAY_MS,
    shownDefault: "1d",
    help: "an instance of about this age is replaced, once its calls are over",
  }),
  executionDays: setting({
    env: "ORLA_EXECUTION_DAYS",
    flag: "execution-days",
    value: "days",
    schema: integer(1, 3650),
    expects: "a whole number of days from 1 to 3650",
    default: 7,
    help: "days the records of executions are kept",
  }),
  logDays: setting({
    env: "ORLA_LOG_DAYS",
    flag: "log-days",
    value: "days",
    schema: integer(1, 3650),
    expects: "a whole number of days from 1 to 3650",
    default: 3,
    help: "days the log lines of functions are kept",
  }),
  drainTimeoutMs: setting({
    env: "ORLA_DRAIN_TIMEOUT",
    flag: "drain-timeout",
    value: "time",
    schema: duration(0, 3_600_000),
    expects: "a time such as 30s, at most one hour",
    default: 30_000,
    shownDefault: "30s",
    help: "how long running calls may finish when Orla is asked to stop",
  }),
  requireSandbox: setting({
    env: "ORLA_REQUIRE_SANDBOX",
    flag: "require-sandbox",
    value: "level",
    schema: integer(0, 3),
    expects: "a level from 0 to 3",
    default: 0,
    help: "do not start where functions are confined less than this; `orla doctor` tells the level",
  }),
  python: setting<string | null>({
    env: "ORLA_PYTHON",
    flag: "python",
    value: "path",
    schema: optionalText,
    expects: "a path",
    default: null,
    shownDefault: "python3 on the PATH",
    path: true,
    help: "interpreter, or virtual environment, that Python functions run in",
  }),
  pythonPreload: setting<readonly string[]>({
    env: "ORLA_PYTHON_PRELOAD",
    flag: "python-preload",
    value: "modules",
    schema: moduleNames,
    expects: "names of modules, apart by commas",
    default: ["numpy?"],
    shownDefault: "numpy if it is there",
    help: "modules imported before any function needs them; `name?` need not be there",
  }),
  pythonEnvs: setting<PythonEnvironmentSettings>({
    env: "ORLA_PYTHON_ENVS",
    flag: "python-envs",
    value: "list",
    schema: pythonEnvironments,
    expects: "name=/absolute/path pairs, or a JSON object of paths or { path, preload }",
    default: {},
    shownDefault: "none",
    help: "more Python environments, for functions with PYTHON_ENV: `ml=/opt/ml,web=/opt/web`",
  }),
  filesDir: setting<string | null>({
    env: "ORLA_FILES_DIR",
    flag: "files-dir",
    value: "path",
    schema: optionalText,
    expects: "a path",
    default: null,
    path: true,
    help: "directory of the files that functions name in FILES",
  }),
  pythonUnconfined: setting({
    env: "ORLA_PYTHON_UNCONFINED",
    flag: "python-unconfined",
    value: "yes",
    schema: yesOrNo,
    expects: "true or false",
    default: false,
    help:
      "run Python functions below level 1 too, where nothing keeps them from the machine's files",
  }),
  cgroups: setting({
    env: "ORLA_CGROUPS",
    flag: "cgroups",
    value: "yes",
    schema: yesOrNo,
    expects: "true or false",
    default: false,
    help: "give every instance a control group for memory and threads; starts take 10 ms longer",
  }),
  metricsAuth: setting<"none" | "key">({
    env: "ORLA_METRICS_AUTH",
    flag: "metrics-auth",
    value: "who",
    schema: z.enum(["none", "key"]),
    expects: "none or key",
    default: "none",
    help: "who may read /metrics: anyone (none), or holders of the service key (key)",
  }),
  logLevel: setting<LogLevel>({
    env: "ORLA_LOG_LEVEL",
    flag: "log-level",
    value: "level",
    schema: z.enum(logLevels),
    expects: `one of ${logLevels.join(", ")}`,
    default: "info",
    help: "the least serious lines to write",
  }),
  logFormat: setting<"text" | "json">({
    env: "ORLA_LOG_FORMAT",
    flag: "log-format",
    value: "format",
    schema: z.enum(["text", "json"]),
    expects: "text or json",
    default: "text",
    help: "lines for people (text) or for a collector (json)",
  }),
  redisUrl: setting<string | null>({
    env: "REDIS_URL",
    flag: "redis-url",
    value: "url",
    schema: redisUrl,
    expects: "a redis:// or rediss:// URL",
    default: null,
    shownDefault: "kv is kept in Postgres",
    secret: true,
    help: "keep kv in this Valkey or Redis (6 or newer)",
  }),
  functionsDir: setting<string | null>({
    env: "ORLA_FUNCTIONS_DIR",
    flag: "functions-dir",
    value: "path",
    schema: optionalText,
    expects: "a path",
    default: null,
    path: true,
    help: "folder whose files become functions",
    unsupported:
      "deploying functions from a folder is not supported yet; create them with CREATE EDGE FUNCTION",
  }),
  jwtSecret: setting<string | null>({
    env: "ORLA_JWT_SECRET",
    flag: "jwt-secret",
    value: "secret",
    // RFC 7518, section 3.2: a key of HS256 has as many bytes as its hash.
    schema: z.string().min(32),
    expects: "at least 32 characters",
    default: null,
    secret: true,
    help: "verifies JSON Web Tokens (HS256) that callers of HTTP triggers with AUTH = 'jwt' send",
  }),
  jwksUrl: setting<string | null>({
    env: "ORLA_JWKS_URL",
    flag: "jwks-url",
    value: "url",
    schema: keySetUrl,
    expects: "an https:// or file:// URL, or http:// on this machine, without a password",
    default: null,
    secret: true,
    help:
      "keys (JWKS) that verify tokens with public-key algorithms for triggers with AUTH = 'jwt'",
  }),
  s3Endpoint: setting<string | null>({
    env: "ORLA_S3_ENDPOINT",
    flag: "s3-endpoint",
    value: "url",
    schema: httpUrl,
    expects: "an http:// or https:// URL",
    default: null,
    shownDefault: "the data directory",
    help: "keep uploaded objects in this S3-compatible store: https://s3.eu-west-1.amazonaws.com",
  }),
  s3Bucket: setting<string | null>({
    env: "ORLA_S3_BUCKET",
    flag: "s3-bucket",
    value: "name",
    schema: optionalText,
    expects: "the name of a bucket",
    default: null,
    help: "the store's bucket that holds all objects",
  }),
  s3Prefix: setting({
    env: "ORLA_S3_PREFIX",
    flag: "s3-prefix",
    value: "text",
    schema: z.string().regex(/^[A-Za-z0-9._/-]{1,200}$/),
    expects: "letters, digits, dots, dashes, underscores and slashes",
    default: "orla/",
    help: "what the keys of all objects begin with",
  }),
  s3Region: setting({
    env: "ORLA_S3_REGION",
    flag: "s3-region",
    value: "name",
    schema: text,
    expects: "the name of a region",
    default: "auto",
    help: "the store's region, which its signatures name",
  }),
  s3AccessKey: setting<string | null>({
    env: "ORLA_S3_ACCESS_KEY",
    flag: "s3-access-key",
    value: "id",
    schema: optionalText,
    expects: "the id of a key",
    default: null,
    help: "id of the key to the store",
  }),
  s3SecretKey: setting<string | null>({
    env: "ORLA_S3_SECRET_KEY",
    flag: "s3-secret-key",
    value: "secret",
    schema: optionalText,
    expects: "the secret of a key",
    default: null,
    secret: true,
    help: "secret of the key to the store",
  }),
  trustedProxies: setting<string | null>({
    env: "ORLA_TRUSTED_PROXIES",
    flag: "trusted-proxies",
    value: "networks",
    schema: optionalText,
    expects: "addresses and networks, separated by commas",
    default: null,
    help: "proxies in front of HTTP whose X-Forwarded-For tells the client's address",
  }),
} as const;

export type SettingName = keyof typeof settings;
export type SettingValues = {
  readonly [K in SettingName]: (typeof settings)[K] extends Setting<infer T> ? T : never;
};

/** The table as a list, for help and documentation. */
export const settingList: ReadonlyArray<readonly [SettingName, Setting]> =
  // The keys are the literal's own: nothing else can be added to a frozen `as const` object.
  (Object.keys(settings) as SettingName[]).map((name) => [name, settings[name] as Setting]);
