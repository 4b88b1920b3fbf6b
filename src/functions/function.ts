/**
 * What a function is, as every part of the platform sees it.
 *
 * A *function* is a named unit of code in a namespace; a *version* is an immutable snapshot of its
 * code, compiled module and options. Only versions run. Namespace `default` is the Postgres schema
 * `public`; every other namespace is the schema of the same name.
 */

export type Language = "javascript" | "typescript" | "python" | "wasm";

/** Who may call the function over HTTP: holders of a key, or anyone. */
export type AuthMode = "key" | "none";

/** Forces the calling convention; `auto` decides by what the code defines (docs/guide.md). */
export type HandlerMode = "auto" | "request" | "payload";

export interface FunctionOptions {
  /** Megabytes (2^20 bytes) one instance may allocate beyond the empty process. */
  readonly memoryMb: number;
  /** Wall-clock milliseconds from the call's arrival to the end of its response. */
  readonly timeoutMs: number;
  /** Calls one instance runs at the same time. */
  readonly concurrency: number;
  /** Instances kept running although idle. */
  readonly minInstances: number;
  /** Instances on one node, at most. */
  readonly maxInstances: number;
  readonly auth: AuthMode;
  readonly handler: HandlerMode;
  readonly description: string | null;
  readonly enabled: boolean;
  /** Percent of one processor an instance may use; `null` for no limit. */
  readonly cpuLimitPercent: number | null;
  /** Milliseconds of processor time one call may use; `null` for no limit. */
  readonly cpuTimeMs: number | null;
  /** Bytes of one response or result. */
  readonly maxResponseBytes: number;
  /** Bytes of log lines one call may write; the rest is dropped and counted. */
  readonly maxLogBytes: number;
  /** `false`: exactly MIN_INSTANCES (at least one) serve, whatever the load. */
  readonly autoScaling: boolean;
  /** Keep prepared instances, WARM_CACHE_SIZE of them, so that no call waits for a start. */
  readonly coldStartOptimization: boolean;
  readonly warmCacheSize: number;
  /** Private destinations the function may reach; see `net-rule.ts`. */
  readonly allowNet: readonly string[];
  /** Destinations it may not reach. */
  readonly denyNet: readonly string[];
  /** Variables of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The database is open to it with its owner's rights too. */
  readonly serviceRole: boolean;
  /** Name of the configured Python environment it runs in; `null` for the default. */
  readonly pythonEnv: string | null;
  /** Distributions, perhaps with versions, that the environment must have. */
  readonly requirements: readonly string[];
  /** Read-only files it may open, below the platform's files directory. */
  readonly files: readonly string[];
  /** Where a WebAssembly module was fetched from; `null` when it was given inline. */
  readonly source: string | null;
}

/** A declared SQL parameter. `type` is as `format_type` prints it: `bigint`, `text[]`, `public.point3`. */
export interface Parameter {
  /** `null` for an unnamed parameter, `f(int)`. */
  readonly name: string | null;
  readonly type: string;
}

/** Code ready to be run by an instance: one ES module without relative imports, or Python source. */
export interface CompiledModule {
  readonly code: string;
  /** Files that lie beside the module, name to base64: WebAssembly. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** Source map (version 3, JSON) where compiling moved lines or columns; `null` where it did not. */
  readonly sourceMap: string | null;
  /** How the module offers its handler. */
  readonly style: HandlerStyle;
}

/** Which row of the design's handler table the code follows. */
export type HandlerStyle =
  /** `export default { fetch }`, `export default (request) => …`, `Deno.serve`, `addEventListener("fetch")`, `serve`: a Web `Request`. */
  | "web"
  /** A top-level or exported `fetch(request)`: a Web `Request` with the fields of `handler`'s. */
  | "fetch"
  /** A top-level or exported `handler`: `(req, client, serviceClient, utils)` over HTTP, `(data)` with a payload. */
  | "handler"
  /** `exports.handler` or `module.exports`: `(payload, sdk)`. */
  | "commonjs"
  /** A top-level or exported `main`: the declared parameters, or one payload. */
  | "main";

export interface FunctionVersion {
  /** Never reused, not even after a rolled-back transaction. */
  readonly functionId: string;
  /** Never reused; names exactly one code and one set of options. */
  readonly versionId: string;
  /** 1, 2, 3 … within the function, as shown to people. */
  readonly version: number;
  readonly namespace: string;
  readonly name: string;
  readonly language: Language;
  /** `null` when the function declares no SQL signature and takes one JSON payload. */
  readonly parameters: readonly Parameter[] | null;
  /** The declared result type, `null` for JSON. */
  readonly returns: string | null;
  /** The source as its author wrote it. */
  readonly code: string;
  readonly module: CompiledModule;
  readonly options: FunctionOptions;
}

/** `validate_email`, or `payments/charge` outside the default namespace: `function_id` in SQL. */
export function qualifiedName(fn: { readonly namespace: string; readonly name: string }): string {
  return fn.namespace === "default" ? fn.name : `${fn.namespace}/${fn.name}`;
}

/** The Postgres schema that holds a namespace's functions. */
export function schemaOf(namespace: string): string {
  return namespace === "default" ? "public" : namespace;
}

export function namespaceOf(schema: string): string {
  return schema === "public" ? "default" : schema;
}
