import type { OrlaError } from "../base/errors.ts";
import type { Instance } from "./instance.ts";
import type { Invocation } from "./invocation.ts";

/** Who assigned the instance hears what becomes of it. */
export interface InstanceOwner {
  /** The import succeeded, or a place for a call came free because one was answered. */
  onRoom(instance: Instance, cause: "imported" | "answered"): void;
  /** No new calls may be delivered: it began to drain by itself. */
  onDraining(instance: Instance): void;
  /**
   * It is gone. `unstarted` are calls it provably never began; all others were answered. `error` is
   * undefined when it was stopped on purpose, or after a time-out: that is one call's trouble, and
   * its caller knows.
   */
  onGone(instance: Instance, error: OrlaError | undefined, unstarted: Invocation[]): void;
  onLog(executionId: string | null, level: number, message: string): void;
  /** How many of its calls others could begin earlier. */
  surplusOf(instance: Instance): number;
  /** Calls that it had not begun, the latest first. */
  onTakenBack(calls: Invocation[]): void;
}
