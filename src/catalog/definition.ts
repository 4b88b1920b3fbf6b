/** A function version as `edge.definition()` writes it, checked once and trusted from there on. */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";

const id = z.string().regex(/^[1-9][0-9]*$/);

const definition = z.object({
  functionId: id,
  versionId: id,
  version: z.int().positive(),
  namespace: z.string().min(1),
  name: z.string().min(1),
  language: z.enum(["javascript", "typescript", "python", "wasm"]),
  parameters: z.array(z.object({ name: z.string().nullable(), type: z.string() })).nullable(),
  returns: z.string().nullable(),
  code: z.string(),
  module: z.object({
    code: z.string(),
    sourceMap: z.string().nullable(),
    files: z.record(z.string(), z.string()).optional(),
    style: z.enum(["web", "fetch", "handler", "commonjs", "main"]),
  }),
  options: z.object({
    memoryMb: z.int().positive(),
    timeoutMs: z.int().positive(),
    concurrency: z.int().positive(),
    minInstances: z.int().nonnegative(),
    maxInstances: z.int().positive(),
    auth: z.enum(["key", "none"]),
    handler: z.enum(["auto", "request", "payload"]),
    description: z.string().nullable(),
    enabled: z.boolean(),
    cpuLimitPercent: z.number().positive().nullable(),
    cpuTimeMs: z.number().positive().nullable(),
    maxResponseBytes: z.int().positive(),
    maxLogBytes: z.int().nonnegative(),
    autoScaling: z.boolean(),
    coldStartOptimization: z.boolean(),
    warmCacheSize: z.int().nonnegative(),
    allowNet: z.array(z.string()),
    denyNet: z.array(z.string()),
    env: z.record(z.string(), z.string()),
    serviceRole: z.boolean(),
    pythonEnv: z.string().nullable(),
    requirements: z.array(z.string()),
    files: z.array(z.string()),
    source: z.string().nullable(),
  }),
});

/** Throws `OrlaError("invalid_request")` for anything else. */
export function parseFunctionVersion(value: unknown): FunctionVersion {
  const parsed = definition.safeParse(value);
  if (!parsed.success) {
    throw new OrlaError("invalid_request", "this is not the definition of an edge function", {
      detail: z.prettifyError(parsed.error),
      cause: parsed.error,
    });
  }
  const version = parsed.data;
  // Plain JavaScript compiles to itself: hold the text once. It is most of what the cache weighs.
  return version.module.code === version.code
    ? { ...version, module: { ...version.module, code: version.code } }
    : version;
}
