/** Learns from the records of executions what became of each trigger's runs. */
import type { ExecutionSink } from "../functions/execution.ts";
import type { TriggerDirectory } from "./trigger-directory.ts";
import type { TriggerState } from "./trigger-state.ts";

/** A sink from the start; it counts once it knows the triggers. */
export class TriggerRuns implements ExecutionSink {
  #known: { readonly directory: TriggerDirectory; readonly state: TriggerState } | undefined;

  follow(directory: TriggerDirectory, state: TriggerState): void {
    this.#known = { directory, state };
  }

  started: ExecutionSink["started"] = () => {};
  lasting: ExecutionSink["lasting"] = () => {};
  log: ExecutionSink["log"] = () => {};

  finished: ExecutionSink["finished"] = ({ cause }, { status, errorMessage }) => {
    if (cause === null || this.#known === undefined) return;
    const { directory, state } = this.#known;
    const trigger = directory.named(cause.triggerName);
    if (trigger === undefined) return;
    state.ran(trigger.triggerId, status === "succeeded" ? null : errorMessage ?? status);
  };
}
