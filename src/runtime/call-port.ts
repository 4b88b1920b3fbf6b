import type { Outbox } from "../protocol/outbox.ts";

/** One call's way to the instance it was delivered to. */
export interface CallPort {
  readonly outbox: Outbox;
  readonly callId: number;
  /** Nobody waits for the answer any more. After a time-out the instance must also prove it is alive. */
  abandon(timedOut: boolean): void;
  /** At the last sample. */
  memoryUsedMb(): number | null;
  /** Its share of the processor time that the instance has used since it got the call. */
  cpuMs(now: number): number | null;
  /** Its log lines past MAX_LOG_SIZE. */
  logLinesDropped(): number;
}
