/** A runtime with real processes, confined as far as this machine can, calls to give it, and what it reported. */
import type {
  Call,
  HttpCall,
  HttpReply,
  PayloadCall,
  PayloadReply,
} from "../../src/functions/call.ts";
import { EgressProxy, type EgressProxyOptions } from "../../src/egress/egress-proxy.ts";
import type { ExecutionEnd, ExecutionStart, LogEntry } from "../../src/functions/execution.ts";
import type {
  FunctionOptions,
  FunctionVersion,
  HandlerStyle,
  Parameter,
} from "../../src/functions/function.ts";
import { defaultOptions } from "../../src/functions/option-table.ts";
import { chooseLauncher } from "../../src/runtime/confinement/choose-launcher.ts";
import { PythonKinds, type PythonKindsOptions } from "../../src/runtime/python/python-kinds.ts";
import type { Runtime, RuntimeOptions } from "../../src/runtime/runtime.ts";
import { createRuntime } from "../../src/runtime/create-runtime.ts";

export interface Finished extends ExecutionEnd {
  readonly executionId: string;
}

export interface Rig extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly egress: EgressProxy;
  readonly directory: string;
  /** Pids of processes started and not yet gone. */
  readonly pids: Set<number>;
  readonly started: ExecutionStart[];
  readonly finished: Finished[];
  readonly logs: LogEntry[];
  readonly warnings: string[];
  payload(version: FunctionVersion, input?: unknown, more?: Partial<PayloadCall>): Promise<unknown>;
  http(version: FunctionVersion, more?: Partial<HttpCall>): Promise<HttpReply>;
  /** Resolves once a record or log line satisfies the predicate. */
  logged(predicate: (entry: LogEntry) => boolean): Promise<LogEntry>;
  ended(predicate: (end: Finished) => boolean): Promise<Finished>;
}

export interface RigOptions extends Partial<RuntimeOptions> {
  /** Lets Python functions run. */
  readonly python?: Partial<PythonKindsOptions>;
  /** Of the egress proxy, which is always there. */
  readonly net?: Partial<EgressProxyOptions>;
}

export async function startRig({ python, net = {}, ...options }: RigOptions = {}): Promise<Rig> {
  const directory = await Deno.makeTempDir({ prefix: "orla-" });
  const pids = new Set<number>();
  const started: ExecutionStart[] = [];
  const finished: Finished[] = [];
  const logs: LogEntry[] = [];
  const warnings: string[] = [];
  const watchers = new Set<() => void>();
  const changed = () => {
    for (const watcher of watchers) watcher();
  };
  const eventually = <T>(list: readonly T[], predicate: (item: T) => boolean): Promise<T> =>
    new Promise((resolve) => {
      const look = () => {
        const found = list.find(predicate);
        if (found === undefined) return;
        watchers.delete(look);
        resolve(found);
      };
      watchers.add(look);
      look();
    });
  await Deno.chmod(directory, 0o711);
  const log = { warn: (message: string) => void warnings.push(message) };
  const denoPath = Deno.execPath();
  const egress = new EgressProxy({ platform: () => [], ...net });
  const chosen = await chooseLauncher({
    ...{ denoPath, runtimeDir: directory, log },
    egressPort: egress.port,
  });
  const kinds = python && new PythonKinds({
    environments: [{ name: "default", interpreter: "/usr/bin/python3", preload: [] }],
    check: () => {},
    arrangement: chosen.arrangement,
    uids: chosen.otherUids,
    network: { mode: "proxy", ports: [egress.port] },
    runtimeDir: directory,
    filesDir: null,
    poolSize: 1,
    log,
    ...python,
  });
  const runtime = await createRuntime({
    launcher: chosen.launcher,
    egress,
    ...kinds && { otherKinds: kinds },
    denoPath,
    runtimeDir: directory,
    poolSize: 1,
    reaper: { watch: (pid) => pids.add(pid), release: (pid) => pids.delete(pid) },
    log,
    sink: {
      started: (execution) => started.push(execution),
      lasting: () => {},
      finished: ({ executionId }, end) => {
        finished.push({ executionId, ...end });
        changed();
      },
      log: (entry) => {
        logs.push(entry);
        changed();
      },
    },
    ...options,
  });
  await runtime.ready();
  return {
    runtime,
    egress,
    directory,
    pids,
    started,
    finished,
    logs,
    warnings,
    payload: async (version, input = null, more = {}) => {
      const call: PayloadCall = {
        ...base(),
        kind: "payload",
        trigger: "api",
        input: JSON.stringify(input),
        shape: "payload",
        ...more,
      };
      const reply: PayloadReply = await runtime.invoke(version, call);
      return JSON.parse(reply.output);
    },
    http: (version, more = {}) => runtime.invoke(version, httpCall(more)),
    logged: (predicate) => eventually(logs, predicate),
    ended: (predicate) => eventually(finished, predicate),
    async [Symbol.asyncDispose]() {
      await runtime[Symbol.asyncDispose]();
      await kinds?.[Symbol.asyncDispose]();
      await chosen[Symbol.asyncDispose]();
      await egress[Symbol.asyncDispose]();
      const left = [...Deno.readDirSync(directory)].map(({ name }) => name);
      await Deno.remove(directory, { recursive: true });
      if (pids.size > 0) throw new Error(`processes were left behind: ${[...pids]}`);
      if (left.some((name) => name !== "bootstrap")) throw new Error(`left behind: ${left}`);
    },
  };
}

export function httpCall(more: Partial<HttpCall> = {}): HttpCall {
  return {
    ...base(),
    kind: "http",
    trigger: "http",
    method: "GET",
    url: "http://localhost:8000/hello?a=1",
    headers: ["accept", "*/*"],
    body: null,
    ...more,
  };
}

function base(): Pick<Call, "executionId" | "caller" | "arrivedAt"> {
  return {
    executionId: crypto.randomUUID(),
    caller: { role: "anon", service: false },
    arrivedAt: performance.now(),
  };
}

let versions = 0;

interface VersionInput extends Partial<FunctionOptions> {
  readonly style?: HandlerStyle;
  readonly parameters?: readonly Parameter[] | null;
  readonly functionId?: string;
}

export function version(code: string, input: VersionInput = {}): FunctionVersion {
  const { style = "main", parameters = null, functionId = "1", ...options } = input;
  return {
    functionId,
    versionId: `${++versions}`,
    version: 1,
    namespace: "default",
    name: "hello",
    language: "javascript",
    parameters,
    returns: null,
    code,
    module: { code, sourceMap: null, style },
    options: { ...defaultOptions, timeoutMs: 10_000, ...options },
  };
}

export async function textOf({ body }: Pick<HttpReply, "body">): Promise<string> {
  return await new Response(body as BodyInit | null).text();
}

/** A test that takes longer hangs. */
const TEST_TIMEOUT_MS = 60_000;

/** Every test may leak nothing: neither operations nor resources nor processes. */
export function test(name: string, run: () => Promise<void>): void {
  const fn = async () => {
    const hung = Promise.withResolvers<never>();
    const timer = setTimeout(() => hung.reject(new Error("the test hangs")), TEST_TIMEOUT_MS);
    try {
      await Promise.race([run(), hung.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });
}
