import { pathToFileURL } from "node:url";
import type { EgressPass } from "../functions/egress.ts";
import type { CompiledModule, FunctionVersion } from "../functions/function.ts";
import { moduleFileName, sourceFileName, type TracedModule } from "../functions/stack-trace.ts";
import type { Assignment } from "../protocol/messages.ts";
import { scratchPath } from "./python/scratch.ts";

/** A share of the function's memory that its unsent log lines may take. */
const LOG_SHARE = 1 / 8;
const MB = 1 << 20;

/** How stacks and log lines of an instance name the module. */
export function tracedModule(version: FunctionVersion, directory: string): TracedModule {
  const instance = directory.slice(directory.lastIndexOf("/"));
  return {
    fileName: sourceFileName(version),
    moduleUrlSuffix: `${instance}/${moduleFileName(version)}`,
    sourceMap: version.module.sourceMap,
  };
}

export function modulePath(version: FunctionVersion, directory: string): string {
  return `${directory}/${moduleFileName(version)}`;
}

export function assignmentFor(
  version: FunctionVersion,
  directory: string,
  egress: EgressPass | undefined,
): Assignment {
  const { namespace, name, module, options, parameters, returns } = version;
  return {
    url: pathToFileURL(modulePath(version, directory)).href,
    style: module.style,
    mode: options.handler,
    namespace,
    name,
    version: version.version,
    parameters,
    returns,
    logBacklogBytes: Math.round(options.memoryMb * MB * LOG_SHARE),
    maxResponseBytes: options.maxResponseBytes,
    env: version.language === "python"
      ? { ...pythonPlaces(directory), ...options.env }
      : options.env,
    usesProcess: usesProcess(module),
    egress: egress === undefined ? null : { port: egress.port, token: egress.token },
  };
}

/** Python's libraries look for places to write to by these names. */
function pythonPlaces(directory: string): Record<string, string> {
  const scratch = scratchPath(directory);
  return { HOME: scratch, TMPDIR: scratch };
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
