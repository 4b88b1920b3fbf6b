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
    memoryBytes: options.memoryMb * MB,
    logBacklogBytes: Math.round(options.memoryMb * MB * LOG_SHARE),
    maxResponseBytes: options.maxResponseBytes,
    env: version.language === "python"
      ? { ...pythonPlaces(directory), ...options.env }
      : options.env,
    ...mentionsOf(module),
    egress: egress === undefined ? null : { port: egress.port, token: egress.token },
  };
}

/** Python's libraries look for places to write to by these names. */
function pythonPlaces(directory: string): Record<string, string> {
  const scratch = scratchPath(directory);
  return { HOME: scratch, TMPDIR: scratch };
}

/** What the module's code names, and so has to find ready when it is imported. */
interface Mentions {
  readonly usesProcess: boolean;
  readonly usesNodeSockets: boolean;
}

const NODE_SOCKETS = "(?:net|tls|https?|http2|_http_\\w+|_tls_\\w+)";
const nodeSockets = new RegExp(
  `["'\`]node:${NODE_SOCKETS}["'\`]|` +
    `(?:from|import|require|getBuiltinModule)\\s{0,4}\\(?\\s{0,4}["'\`]${NODE_SOCKETS}["'\`]`,
);

const known = new WeakMap<CompiledModule, Mentions>();

/** Asked once per module: code can be megabytes long. */
function mentionsOf(module: CompiledModule): Mentions {
  let mentions = known.get(module);
  if (mentions === undefined) {
    const usesNodeSockets = nodeSockets.test(module.code);
    mentions = { usesProcess: /\bprocess\b/.test(module.code), usesNodeSockets };
    known.set(module, mentions);
  }
  return mentions;
}
