/** The further parameters that handler styles receive. */
import type { Assignment } from "../../protocol/messages.ts";
import { ownVariables } from "./environment.ts";
import type { RunningCall } from "./running-call.ts";

/** Stands where a capability will be, and says so when it is used instead of failing obscurely. */
export function unavailable(name: string): unknown {
  return new Proxy({}, {
    get: (_target, property) => {
      // Printing or awaiting it is no use of it.
      if (typeof property === "symbol" || property === "then") return undefined;
      throw new Error(
        `${name}.${property} is not available: this version has no database access yet`,
      );
    },
  });
}

export function makeSdk(assignment: Assignment) {
  return {
    env: ownVariables(),
    projectId: assignment.namespace,
    db: unavailable("sdk.db"),
  };
}

export function makeUtilities(call: RunningCall) {
  return {
    isCancelled: () => call.cancelled,
    getExecutionContext: () => ({ executionId: call.executionId }),
  };
}
