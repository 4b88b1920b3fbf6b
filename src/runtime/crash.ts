/** What to tell the calls that an instance took with it. */
import { OrlaError } from "../base/errors.ts";
import { ProtocolLimitError } from "../protocol/frame.ts";
import type { FunctionVersion } from "../functions/function.ts";
import { memoryLimitExceeded } from "./function-error.ts";
import { scratchFull } from "./python/scratch.ts";
import type { ProcessExit } from "./launcher.ts";

/** Why we ended an instance; `undefined` stands for one that ended by itself. */
export type Ending =
  | { readonly kind: "stopped" }
  /** The import failed, or the instance could not be prepared. */
  | { readonly kind: "failed"; readonly reason: OrlaError }
  | { readonly kind: "memory" }
  /** Its scratch directory holds more than it may. */
  | { readonly kind: "scratch" }
  /** Its event loop did not turn any more. */
  | { readonly kind: "hung" }
  /** One of its calls has used up CPU_TIME; it and its caller know. */
  | { readonly kind: "cpu" }
  /** The launcher that had made it died, and the kernel took all that it had made. */
  | { readonly kind: "orphaned" }
  /** It broke the protocol, or we did. */
  | { readonly kind: "broken"; readonly cause: unknown };

/** V8, Rust and Python each say it their way when memory cannot be had. */
const outOfMemory =
  /out of memory|memory allocation of \d+ bytes failed|cannot allocate memory|\bMemoryError\b/i;

/** Deno panics where a thread it needs cannot be had. */
const noThread = /failed to spawn thread|kind: WouldBlock, message: "Resource temporarily/;

/** `undefined` when it was stopped on purpose. */
export function crashError(
  ending: Ending | undefined,
  exit: ProcessExit,
  version: FunctionVersion,
): OrlaError | undefined {
  switch (ending?.kind) {
    case "stopped":
      return undefined;
    case "failed":
      return ending.reason;
    case "memory":
      return memoryLimitExceeded(version);
    case "scratch":
      return scratchFull();
    case "hung":
      return new OrlaError(
        "instance_crashed",
        "The instance was stopped because a call kept its event loop from turning",
      );
    case "cpu":
      return new OrlaError(
        "instance_crashed",
        "The instance was stopped because another of its calls used up CPU_TIME",
      );
    case "orphaned":
      return new OrlaError("instance_crashed", "The process that had launched the instance died");
    case "broken":
      return brokenProtocol(ending.cause);
    case undefined:
      return diedByItself(exit, version);
  }
}

export function brokenProtocol(cause: unknown): OrlaError {
  const text = "The instance sent what cannot be understood";
  if (!(cause instanceof ProtocolLimitError)) {
    return new OrlaError("instance_crashed", text, { cause });
  }
  return new OrlaError("limit_exceeded", `The instance sent too much: ${cause.message}`, { cause });
}

function diedByItself({ code, signal, lastWords }: ProcessExit, version: FunctionVersion) {
  if (outOfMemory.test(lastWords) || abortedInSilence(signal, lastWords, version)) {
    return memoryLimitExceeded(version);
  }
  if (noThread.test(lastWords)) {
    return new OrlaError("limit_exceeded", "The function's process has too many threads");
  }
  if (signal === null) {
    return new OrlaError(
      "function_error",
      `The function ended its own process (exit code ${code})`,
    );
  }
  return new OrlaError("instance_crashed", `The instance died (${signal})`);
}

/**
 * Where memory is so short that even the message cannot be made, native code aborts without a word.
 * In Deno a function cannot abort by itself, and a bug says that it panicked.
 */
function abortedInSilence(
  signal: Deno.Signal | null,
  lastWords: string,
  { language }: FunctionVersion,
): boolean {
  return signal === "SIGABRT" && language !== "python" && !lastWords.includes("panicked");
}
