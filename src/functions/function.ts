/**
 * What a function is, as every part of the platform sees it.
 *
 * A *function* is a named unit of code in a namespace; a *version* is an immutable snapshot of its
 * code, compiled module and options. Only versions run. Namespace `default` is the Postgres schema
 * `public`; every other namespace is the schema of the same name.
 */

export type Language = "javascript" | "typescript";

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
}

/** A declared SQL parameter. `type` is as `format_type` prints it: `bigint`, `text[]`, `public.point3`. */
export interface Parameter {
  /** `null` for an unnamed parameter, `f(int)`. */
  readonly name: string | null;
  readonly type: string;
}

/** Code ready to be imported by an instance: one ES module without relative imports. */
export interface CompiledModule {
  readonly code: string;
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
