import { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";
import { formatSize } from "../functions/option-value.ts";
import { rewriteStack, type TracedModule } from "../functions/stack-trace.ts";
import { MAX_RESULT_BYTES } from "../protocol/frame.ts";
import type { WireError } from "../protocol/messages.ts";
import { formatSeconds } from "./format.ts";
import { MAX_OPEN_FILES } from "./limits.ts";

/** What V8 says when an allocation outside its heap fails, as RLIMIT_DATA makes it. */
const outOfMemory = /allocation failed|could not allocate memory|unable to grow|out of memory/i;

/** No string of V8's is longer than half a gigabyte, so this one would not have fitted either. */
const stringTooLong = /invalid string length/i;
const LONGEST_STRING_MB = 512;

/**
 * How Deno and Python word what the kernel refuses for the limits of `limits.ts`. The function sees
 * the error first, and may go on without.
 */
const kernelLimits: ReadonlyArray<readonly [said: RegExp, limit: string]> = [
  [/too many open files|\bEMFILE\b/i, `at most ${MAX_OPEN_FILES} files and sockets can be open`],
  [/file too large|\bEFBIG\b/i, "a file is larger than the function may make"],
  [/can't start new thread/i, "the function has too many threads"],
];

/** What a function threw, as its callers see it: stacks name the author's own file and lines. */
export function functionError(
  error: WireError,
  version: FunctionVersion,
  module: TracedModule,
  payload = false,
): OrlaError {
  const { name, message, code, sqlState } = error;
  const stack = error.stack === undefined ? undefined : rewriteStack(error.stack, module);
  const text = name === "Error" ? message : `${name}: ${message}`;
  if (code === "invalid_request") return new OrlaError("invalid_request", message);
  if (code === "limit_exceeded") return new OrlaError("limit_exceeded", message);
  if (code === "response_too_large") return responseTooLarge(version, payload);
  if (name === "RangeError" && outgrows(message, version)) {
    return memoryLimitExceeded(version, message);
  }
  if (name === "MemoryError" && version.language === "python") return memoryLimitExceeded(version);
  const detail = stack === undefined ? {} : { detail: stack };
  for (const [said, limit] of kernelLimits) {
    if (said.test(message)) return new OrlaError("limit_exceeded", `${text} (${limit})`, detail);
  }
  return new OrlaError("function_error", text, {
    ...detail,
    chosenSqlState: sqlState,
  });
}

/**
 * What code dies of when memory it asked for was refused and it has no words for that: the trap of a
 * WebAssembly allocator, CPython out of memory for a MemoryError.
 */
export function mayBeShortage({ name, message }: WireError): boolean {
  return name === "RuntimeError" && message === "unreachable" ||
    name === "SystemError" && message === "error return without exception set";
}

function outgrows(message: string, { options }: FunctionVersion): boolean {
  return outOfMemory.test(message) ||
    options.memoryMb <= LONGEST_STRING_MB && stringTooLong.test(message);
}

/** `payload`: what was too large is a result, not a response. */
export function responseTooLarge({ options }: FunctionVersion, payload: boolean): OrlaError {
  const { maxResponseBytes } = options;
  if (payload && maxResponseBytes > MAX_RESULT_BYTES) {
    return new OrlaError(
      "response_too_large",
      `The function's result is larger than ${formatSize(MAX_RESULT_BYTES)}`,
      { hint: "Return less at once, or answer an HTTP call with a stream." },
    );
  }
  const what = payload ? "result" : "response";
  return new OrlaError(
    "response_too_large",
    `The function's ${what} is larger than MAX_RESPONSE_SIZE (${formatSize(maxResponseBytes)})`,
    { hint: "Raise MAX_RESPONSE_SIZE, or return less at once." },
  );
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
