import { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";
import { rewriteStack, type TracedModule } from "../functions/stack-trace.ts";
import type { WireError } from "../protocol/messages.ts";
import { formatSeconds } from "./format.ts";

/** What V8 says when an allocation outside its heap fails, as RLIMIT_DATA makes it. */
const outOfMemory = /allocation failed|could not allocate memory|unable to grow/i;

/** What a function threw, as its callers see it: stacks name the author's own file and lines. */
export function functionError(
  error: WireError,
  version: FunctionVersion,
  module: TracedModule,
): OrlaError {
  const { name, message, code } = error;
  const stack = error.stack === undefined ? undefined : rewriteStack(error.stack, module);
  const text = name === "Error" ? message : `${name}: ${message}`;
  if (code === "invalid_request") return new OrlaError("invalid_request", message);
  if (name === "RangeError" && outOfMemory.test(message)) {
    return memoryLimitExceeded(version, message);
  }
  if (name === "MemoryError" && version.language === "python") return memoryLimitExceeded(version);
  return new OrlaError("function_error", text, stack === undefined ? {} : { detail: stack });
}

export function cpuLimitExceeded(cpuTimeMs: number): OrlaError {
  return new OrlaError("cpu_limit_exceeded", `CPU time exceeded (${formatSeconds(cpuTimeMs)})`, {
    hint: "Raise the function's CPU_TIME, or let it compute less in one call.",
  });
}

export function memoryLimitExceeded(version: FunctionVersion, detail?: string): OrlaError {
  const { memoryMb } = version.options;
  return new OrlaError("memory_limit_exceeded", `Memory limit exceeded (${memoryMb}MB)`, {
    hint: "Raise the function's MEMORY, or keep less at once.",
    ...(detail === undefined ? {} : { detail }),
  });
}
