import type { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";

/** How the instances of one version are doing. */
export interface PoolReport extends FailureReport {
  readonly version: FunctionVersion;
  /** On their way, or importing the module. */
  readonly starting: number;
  readonly idle: number;
  readonly busy: number;
  /** Imported, and waiting until another is needed. */
  readonly spare: number;
  readonly draining: number;
  /** Calls that wait for an instance. */
  readonly waiting: number;
  /** Another version has taken its place. */
  readonly retired: boolean;
}

export interface FailureReport {
  /** Instances that failed one after the other, without an answer in between. */
  readonly failures: number;
  /** When another may be started, in milliseconds since 1970; `null` when one may be now. */
  readonly backsOffUntil: number | null;
  /** Why an instance failed last, and when. */
  readonly lastFailure: { readonly error: OrlaError; readonly at: number } | null;
}
