import type { CompiledModule, FunctionVersion } from "../functions/function.ts";
import type { Assignment } from "../protocol/messages.ts";

/** A share of the function's memory that its unsent log lines may take. */
const LOG_SHARE = 1 / 8;
const MB = 1 << 20;

/** File systems allow 255 bytes in a name. */
const MAX_NAME = 100;

/** The name people see in stack traces: the function's own, as far as it can be a file's. */
export function moduleFileOf({ name }: FunctionVersion): string {
  return `${name.replace(/[^\w-]/g, "_").slice(0, MAX_NAME)}.js`;
}

export function assignmentFor(version: FunctionVersion, file: string): Assignment {
  const { namespace, name, module, options, parameters } = version;
  return {
    url: `file://${encodeURI(file).replace(/[?#]/g, encodeURIComponent)}`,
    style: module.style,
    mode: options.handler,
    namespace,
    name,
    version: version.version,
    parameters,
    logBacklogBytes: Math.round(options.memoryMb * MB * LOG_SHARE),
    usesProcess: usesProcess(module),
  };
}

const known = new WeakMap<CompiledModule, boolean>();

/** Asked once per module: code can be megabytes long. */
function usesProcess(module: CompiledModule): boolean {
  let uses = known.get(module);
  if (uses === undefined) {
    uses = /\bprocess\b/.test(module.code);
    known.set(module, uses);
  }
  return uses;
}
