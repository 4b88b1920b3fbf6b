/** The two sides that clients see: HTTP and SQL. They stop together, so that neither takes new work. */
import type { Logger } from "../base/log.ts";
import { OrlaError } from "../base/errors.ts";
import type { Hooks } from "../api/hooks.ts";
import type { Queues } from "../api/queues.ts";
import { apiRoutes } from "../api/routes.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { Invoker } from "../functions/call.ts";
import type { PythonCompiler } from "../functions/compile-python.ts";
import { fetchSource } from "../functions/code-source.ts";
import { CompilerThread } from "../functions/compiler-thread.ts";
import { type FunctionVersion, namespaceOf } from "../functions/function.ts";
import { defaultOptions } from "../functions/option-table.ts";
import type { EgressGate } from "../functions/egress.ts";
import { startHttpGateway } from "../gateway/http-gateway.ts";
import { createKeyVerifier } from "../gateway/keys.ts";
import type { Route } from "../gateway/route.ts";
import type { TriggerRoutes } from "../gateway/trigger-calls.ts";
import type { Metrics } from "../observability/metrics.ts";
import { prepareWasm } from "../runtime/wasm-module.ts";
import { startSqlGateway } from "../sqlgateway/gateway.ts";
import { createTranslator } from "../sqlgateway/translate.ts";
import { addressList } from "../triggers/http/address-list.ts";
import type { TriggerDirectory } from "../triggers/trigger-directory.ts";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import type { Keys } from "./keys.ts";
import { listening } from "./listen-error.ts";
import { httpUrl, sqlUrl } from "./node-urls.ts";

export interface FrontsOptions {
  readonly config: Config;
  readonly keys: Keys;
  readonly log: Logger;
  readonly database: Database;
  readonly catalog: Catalog;
  readonly invoker: Invoker;
  readonly triggers: TriggerDirectory;
  readonly httpTriggers: TriggerRoutes;
  readonly hooks: Hooks;
  readonly queues: Queues;
  readonly storage: readonly Route[];
  /** Whether no process to run functions in is to be had. */
  readonly startsFail: () => boolean;
  readonly python: PythonCompiler;
  /** The way to what SOURCE names. */
  readonly egress: EgressGate;
  readonly metrics: Metrics;
  readonly version: string;
  readonly onError: (thrown: unknown) => void;
}

export interface Fronts extends AsyncDisposable {
  /** Base URL. */
  readonly http: string;
  /** Through the gateway, with the database's login. */
  readonly sql: string;
}

export async function startFronts(options: FrontsOptions): Promise<Fronts> {
  const { config, keys, log, database, catalog, invoker, startsFail, metrics } = options;
  const { version, python, egress, triggers, onError } = options;
  const { host } = config;
  const tls = await readCertificate(config);
  await using started = new AsyncDisposableStack();
  const compiler = started.use(new CompilerThread());
  const sql = started.use(
    await listening({ what: "SQL", host, port: config.sqlPort }, () =>
      startSqlGateway({
        host,
        port: config.sqlPort,
        upstream: database.upstream,
        ...tls === null ? {} : { tls },
        translator: createTranslator(
          async (input) => {
            const { language } = input;
            if (language === "python") {
              return await python.compile(input, input.options ?? defaultOptions);
            }
            const module = await compiler.compile({ ...input, language });
            if (language === "wasm") prepareWasm(module);
            return module;
          },
          {
            fetchSource: async (request) =>
              fetchSource(request, await catalog.sourceRights(request.sessionUser), egress),
            current: (schema, name) => currentVersion(catalog, schema, name),
            checkOptions: async (language, functionOptions) => {
              if (language === "python") await python.checkDemands(functionOptions);
            },
          },
        ),
        afterEdgeChange: async () => void await Promise.all([catalog.sync(), triggers.sync()]),
        limits: { drainTimeoutMs: config.drainTimeoutMs },
        onError,
      })),
  );
  const http = started.use(
    await listening({ what: "HTTP", host, port: config.httpPort }, () =>
      startHttpGateway({
        host,
        port: config.httpPort,
        triggers: options.httpTriggers,
        trustedProxies: config.trustedProxies === null
          ? null
          : addressList(config.trustedProxies.split(",").map((entry) => entry.trim())),
        ...tls === null ? {} : { tls },
        directory: catalog,
        invoker,
        keys: createKeyVerifier(keys),
        api: apiRoutes({
          directory: catalog,
          invoker,
          hooks: options.hooks,
          queues: options.queues,
          storage: options.storage,
          version,
          checks: [
            {
              name: "database",
              problem: () => catalog.isConnected ? null : "the database cannot be reached",
            },
            {
              name: "instances",
              problem: () => startsFail() ? "no instance can be started; the log says why" : null,
            },
          ],
          metrics: () => metrics.text(),
          metricsAccess: config.metricsAuth === "key" ? "service" : "open",
        }),
        limits: { drainTimeoutMs: config.drainTimeoutMs },
        log,
      })),
  );
  const listeners = {
    host,
    httpPort: http.port,
    sqlPort: sql.port,
    encrypted: tls !== null,
  };
  const owned = started.move();
  return {
    http: httpUrl(listeners),
    sql: sqlUrl(listeners, database.url),
    async [Symbol.asyncDispose]() {
      // Both at once, so that neither takes new work while the other drains; then the rest.
      await Promise.all([http[Symbol.asyncDispose](), sql[Symbol.asyncDispose]()]);
      await owned.disposeAsync();
    },
  };
}

/** Without a schema, the only function of the name there is: nobody here knows the search_path. */
function currentVersion(
  catalog: Catalog,
  schema: string | null,
  name: string,
): FunctionVersion | undefined {
  if (schema !== null) return catalog.find(namespaceOf(schema), name);
  const named = [...catalog.current()].filter((version) => version.name === name);
  return named.length === 1 ? named[0] : undefined;
}

async function readCertificate(config: Config): Promise<{ cert: string; key: string } | null> {
  const { tlsCert, tlsKey } = config;
  if (tlsCert === null || tlsKey === null) return null;
  const read = async (path: string, variable: string) => {
    try {
      return await Deno.readTextFile(path);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new OrlaError("invalid_option", `${variable}: cannot read ${path}: ${why}`, { cause });
    }
  };
  const [cert, key] = await Promise.all([
    read(tlsCert, "ORLA_TLS_CERT"),
    read(tlsKey, "ORLA_TLS_KEY"),
  ]);
  return { cert, key };
}
