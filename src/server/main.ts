/**
 * The composition root: builds a node from its configuration, in the order things need each other,
 * and takes it apart in the reverse order. The only place that knows all parts.
 *
 * A stop is a drain: the node is withdrawn and both fronts stop accepting, while calls under way,
 * which still need everything below, come to their end.
 */
import { createLogger } from "../base/log.ts";
import { openCatalog } from "../catalog/catalog.ts";
import { startExecutionWriter } from "../observability/execution-writer.ts";
import { FunctionMetrics } from "../observability/function-metrics.ts";
import { Metrics } from "../observability/metrics.ts";
import { teeSink } from "../observability/tee-sink.ts";
import { chooseLauncher } from "../runtime/confinement/choose-launcher.ts";
import { lowestLevel, type SandboxReport } from "../runtime/confinement/sandbox-report.ts";
import { prepareWasm } from "../runtime/wasm-module.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { createRuntime } from "../runtime/create-runtime.ts";
import { startCallbackEndpoint } from "../sqlgateway/callback.ts";
import type { Config } from "./config.ts";
import { openPool } from "./database.ts";
import { prepareDatabase } from "./database-check.ts";
import { lockDataDir } from "./data-dir.ts";
import { followChanges } from "./follow-changes.ts";
import { startFronts } from "./fronts.ts";
import { startFunctionServices } from "./function-services.ts";
import { loadKeys } from "./keys.ts";
import { startReaper } from "./reaper.ts";
import { startInstanceReports } from "./instance-reports.ts";
import { availableMemoryBytes } from "./machine-memory.ts";
import { NodeEgress } from "./node-egress.ts";
import { openDatabase } from "./node-database.ts";
import { openNodeStorage } from "./node-storage.ts";
import { watchNode } from "./node-metrics.ts";
import { releaseVersion } from "./release.ts";
import { openPython } from "./python.ts";
import { createRuntimeDir } from "./runtime-dir.ts";
import { secretsOf } from "./secrets.ts";
import { requireSandbox } from "./sandbox-requirement.ts";
import { type NodeState, writeStateFile } from "./state-file.ts";
import { HookRunner } from "../triggers/hooks/hook-runner.ts";
import { HttpTriggers } from "../triggers/http/http-triggers.ts";
import { KeySet } from "../triggers/http/key-set.ts";
import { TokenVerifier } from "../triggers/http/tokens.ts";
import { TriggerRuns } from "../triggers/trigger-runs.ts";
import { Triggers } from "./triggers.ts";

export interface Orla extends AsyncDisposable {
  readonly state: NodeState;
  readonly about: AboutNode;
}

/** What the start's banner tells beside the state. */
export interface AboutNode {
  readonly version: string;
  readonly database: string;
  readonly sandbox: ReturnType<Runtime["stats"]>["enforced"];
  /** What the operating system adds to it, and what it does not. */
  readonly confinement: SandboxReport;
  readonly hasNoFunctions: boolean;
}

/** Where sockets may lie, best first: short paths, everywhere writable. */
const RUNTIME_PARENTS = ["/tmp", "/var/tmp", "/run", "/dev/shm"];

/** Throws `OrlaError` with one sentence for everything that its user can mend. */
export async function startOrla(
  config: Config,
  writeLog: (line: string) => void,
): Promise<Orla> {
  await using started = new AsyncDisposableStack();
  started.use(await lockDataDir(config.dataDir));
  const { keys, areNew } = await loadKeys(config.dataDir, config.serviceKey);
  const log = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    write: writeLog,
    secrets: secretsOf(config, keys),
  });
  const runtimeDir =
    started.use(await createRuntimeDir({ parents: RUNTIME_PARENTS, dataDir: config.dataDir })).path;
  const reaper = started.use(startReaper({ runtimeDir, log }));

  // Beside the database's start, which takes longer.
  const { cgroups } = config;
  const egress = started.use(new NodeEgress());
  const choosing = chooseLauncher({
    ...{ denoPath: Deno.execPath(), runtimeDir, log, cgroups },
    egressPort: egress.proxy.port,
  });
  started.defer(() => choosing.then((chosen) => chosen[Symbol.asyncDispose](), () => {}));
  // Nothing else is started where functions would be freer than they may be.
  if (config.requireSandbox > 0) requireSandbox((await choosing).report, config.requireSandbox);

  const { database, callback } = await openDatabase(
    { config, keys, areNew, runtimeDir, reaper, log },
    started,
  );
  await prepareDatabase(database, log);

  const nodeId = crypto.randomUUID();
  const origin = { nodeId, region: config.region };
  const pool = started.adopt(
    openPool(database, log, { max: config.databaseConnections, application_name: "orla" }),
    (pool) => pool.end(),
  );

  const [catalog, writer, version] = await Promise.all([
    openCatalog({ connection: database.connection, log }).then((catalog) => started.use(catalog)),
    startExecutionWriter({
      pool,
      origin,
      log,
      keepExecutionDays: config.executionDays,
      keepLogDays: config.logDays,
    }).then((writer) => started.use(writer)),
    releaseVersion(),
  ]);

  const metrics = new Metrics();
  const functionMetrics = new FunctionMetrics();
  functionMetrics.showIn(metrics);
  const triggerRuns = new TriggerRuns();
  const triggers = started.use(await Triggers.open({ config, database, runs: triggerRuns, log }));
  const { directory, capture } = triggers;
  const { serviceKey } = keys;
  const storage = started.use(
    await openNodeStorage({ config, database, directory, serviceKey, log }),
  );
  const { services: hostServices } = started.use(
    await startFunctionServices({ config, database, metrics, functionMetrics, storage, log }),
  );
  const chosen = await choosing;
  const { launcher, report: confinement } = chosen;
  const network = { mode: "proxy", ports: [egress.proxy.port] } as const;
  const python = started.use(
    await openPython({ config, chosen, network, runtimeDir, log }),
  );
  const runtime = started.use(
    await createRuntime({
      launcher,
      otherKinds: python.kinds,
      denoPath: Deno.execPath(),
      runtimeDir,
      sink: teeSink(metrics, writer, triggerRuns),
      reaper,
      log,
      poolSize: config.blankProcesses,
      maxTotalInstances: config.maxInstances,
      memoryBudgetBytes: config.memoryBudgetBytes ?? await availableMemoryBytes() / 2,
      idleTimeoutMs: config.idleTimeoutMs,
      maxAgeMs: config.instanceMaxAgeMs,
      drainTimeoutMs: config.drainTimeoutMs,
      hostServices,
      egress: egress.proxy,
    }),
  );
  watchNode(metrics, { catalog, runtime, writer });
  egress.showIn(metrics);
  started.defer(followChanges(catalog, runtime, [metrics, functionMetrics, egress.proxy]));

  const onError = (error: unknown) => log.error("unexpected error of a connection", { error });
  const endpoint = started.use(
    await startCallbackEndpoint({
      listen: callback.listen,
      password: await catalog.callbackPassword(),
      invoker: runtime,
      warmer: runtime,
      versions: catalog,
      limits: { drainTimeoutMs: config.drainTimeoutMs },
      onError,
    }),
  );
  const { enforced } = runtime.stats();
  const fronts = started.use(
    await startFronts({
      ...{ config, keys, log, database, catalog, metrics, version, onError },
      invoker: runtime,
      triggers: directory,
      hooks: new HookRunner({
        ...{ directory, capture, functions: catalog, invoker: runtime },
        notCalled: (triggerId, error) => triggers.ran(triggerId, error),
      }),
      queues: triggers.publisher,
      storage: storage.routes,
      httpTriggers: new HttpTriggers({
        ...{ directory, capture, functions: catalog },
        tokens: new TokenVerifier({
          secret: config.jwtSecret,
          keys: config.jwksUrl === null ? null : new KeySet(config.jwksUrl, log),
        }),
      }),
      python: python.compiler,
      egress: egress.proxy,
      startsFail: () => runtime.stats().startsFail,
    }),
  );
  const ports = [fronts.http, fronts.sql].map(portOf);
  egress.protectPorts(endpoint.port === null ? ports : [...ports, endpoint.port]);
  await egress.protectDatabase(database.host, database.port);
  // Last, so that SQL callers are sent here only when everything answers; withdrawn first.
  started.use(
    await catalog.registerNode({
      nodeId,
      region: config.region,
      version,
      callbackHost: callback.host,
      callbackPort: callback.port ?? endpoint.port ?? 0,
      sandbox: { ...enforced, level: lowestLevel(confinement), ...confinement },
    }),
  );
  started.use(startInstanceReports({ nodeId, runtime, catalog, log }));
  triggers.startQueue({ nodeId, catalog, invoker: runtime });
  started.defer(() => triggers.stopQueue());
  await runtime.ready();
  for (const { language, module } of catalog.current()) {
    if (language === "wasm") prepareWasm(module);
  }
  const state: NodeState = {
    pid: Deno.pid,
    http: fronts.http,
    sql: fronts.sql,
    databaseUrl: database.url,
    serviceKey: keys.serviceKey,
    anonKey: keys.anonKey,
  };
  started.use(await writeStateFile(config.dataDir, state));
  const owned = started.move();
  return {
    state,
    about: {
      version,
      database: database.description,
      sandbox: enforced,
      confinement,
      hasNoFunctions: catalog.size === 0,
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function portOf(text: string): number {
  const url = new URL(text);
  return Number(url.port) || (url.protocol === "https:" ? 443 : 80);
}
