/** The record of one call, as the runtime reports it and `observability/` keeps it. */
import type { Cause, Trigger } from "./call.ts";

export type ExecutionStatus = "running" | "succeeded" | "failed" | "timeout" | "cancelled";

export interface ExecutionStart {
  readonly executionId: string;
  /** `qualifiedName` of the function. */
  readonly functionId: string;
  readonly version: number;
  readonly trigger: Trigger;
  readonly role: string | null;
  readonly cause: Cause | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export interface ExecutionEnd {
  readonly status: Exclude<ExecutionStatus, "running">;
  readonly executionTimeMs: number;
  /** `null` on a warm call. */
  readonly coldStartTimeMs: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly httpStatus: number | null;
  readonly memoryUsedMb: number | null;
  /** Its share of its instance's processor time; `null` when it never reached one. */
  readonly cpuMs: number | null;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogEntry {
  /** `null` for output outside any call, such as at import. */
  readonly executionId: string | null;
  readonly functionId: string;
  readonly version: number;
  readonly level: LogLevel;
  readonly message: string;
  /** Milliseconds since the epoch, by the platform's clock. */
  readonly at: number;
}

/** Takes records off the request path. Never throws, never waits: what cannot be kept is counted. */
export interface ExecutionSink {
  started(execution: ExecutionStart): void;
  /** Once for a call that has lasted for half a second: people may want to see it running. */
  lasting(execution: ExecutionStart): void;
  finished(execution: ExecutionStart, end: ExecutionEnd): void;
  log(entry: LogEntry): void;
}
