/**
 * Runs one job: calls the trigger's function, and decides what becomes of the job when that fails.
 *
 * A failed job is thrown back to the library, which counts the attempt and frees the job; then it gets
 * the time of its next attempt. After the last attempt it becomes a dead letter in the same moment in
 * which the job ends.
 */
import { OrlaError, toOrlaError } from "../../base/errors.ts";
import { uuidV7 } from "../../base/uuid.ts";
import type { Invoker } from "../../functions/call.ts";
import { qualifiedName } from "../../functions/function.ts";
import { requireEnabled } from "../../functions/switched-off.ts";
import type { FunctionsById } from "../functions-by-id.ts";
import { isCaptured, type PayloadCapture } from "../payload-capture.ts";
import type { Trigger } from "../trigger.ts";
import { optionOf } from "../trigger-options.ts";
import { jobInput } from "./job.ts";

export interface Job {
  readonly id: string;
  readonly payload: unknown;
  /** This one included. */
  readonly attempts: number;
}

export interface JobRunnerOptions {
  readonly capture: PayloadCapture;
  readonly functions: FunctionsById;
  readonly invoker: Invoker;
}

export type JobOutcome =
  | { readonly kind: "succeeded" }
  | { readonly kind: "retry"; readonly error: OrlaError }
  | { readonly kind: "dead"; readonly error: OrlaError };

/** Never rejects. */
export async function runJob(
  trigger: Trigger,
  job: Job,
  { functions, invoker, capture }: JobRunnerOptions,
): Promise<JobOutcome> {
  try {
    const version = functions.currentVersion(trigger.functionId);
    if (version === undefined) {
      throw new OrlaError("function_not_found", "The trigger's function does not exist.");
    }
    requireEnabled(version);
    const { input, shape, eventId } = jobInput(trigger, version, job);
    const visibleMs = optionOf(trigger, "VISIBILITY_TIMEOUT");
    const executionId = uuidV7();
    const triggerName = qualifiedName(trigger);
    if (isCaptured(trigger)) capture.add(trigger, { executionId, eventId, shape, input });
    await invoker.invoke(version, {
      kind: "payload",
      executionId,
      trigger: trigger.kind,
      caller: { role: trigger.owner, service: false },
      cause: { triggerName, eventId, attempt: job.attempts },
      arrivedAt: performance.now(),
      input,
      shape,
      ...(typeof visibleMs === "number" ? { deadlineMs: visibleMs } : {}),
    });
    return { kind: "succeeded" };
  } catch (thrown) {
    const error = toOrlaError(thrown);
    const last = job.attempts >= Number(optionOf(trigger, "MAX_ATTEMPTS"));
    return { kind: last ? "dead" : "retry", error };
  }
}
