import type { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";
import type { Instance } from "./instance.ts";
import type { InstanceSet } from "./instance-set.ts";

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

type Counts = Pick<PoolReport, "starting" | "idle" | "busy" | "spare" | "draining">;

export function countInstances({ serving, spare, draining, ordered }: InstanceSet): Counts {
  const count = (list: readonly Instance[], is: (instance: Instance) => boolean) =>
    list.filter(is).length;
  const isImporting = ({ state }: Instance) => state === "assigned";
  const isReady = ({ state }: Instance) => state === "ready";
  return {
    starting: ordered.serving + ordered.spare + count(serving, isImporting) +
      count(spare, isImporting),
    idle: count(serving, (instance) => isReady(instance) && instance.idle),
    busy: count(serving, (instance) => isReady(instance) && !instance.idle),
    spare: count(spare, isReady),
    draining: draining.size,
  };
}

export interface FailureReport {
  /** Instances that failed one after the other, without an answer in between. */
  readonly failures: number;
  /** When another may be started, in milliseconds since 1970; `null` when one may be now. */
  readonly backsOffUntil: number | null;
  /** Why an instance failed last, and when. */
  readonly lastFailure: { readonly error: OrlaError; readonly at: number } | null;
}
