/**
 * Hooks: named moments of somebody else's pipeline, at which every function that a trigger has put
 * there is called. What a function does or fails to do is told, and never stops the caller.
 */
import { toOrlaError } from "../../base/errors.ts";
import { uuidV7 } from "../../base/uuid.ts";
import type { Invoker } from "../../functions/call.ts";
import { qualifiedName } from "../../functions/function.ts";
import { requireEnabled } from "../../functions/switched-off.ts";
import { OrlaError } from "../../base/errors.ts";
import type { FunctionsById } from "../functions-by-id.ts";
import { isCaptured, type PayloadCapture } from "../payload-capture.ts";
import type { TriggerOf } from "../trigger.ts";
import type { TriggerDirectory } from "../trigger-directory.ts";
import { optionOf } from "../trigger-options.ts";

export interface HookRunnerOptions {
  readonly directory: TriggerDirectory;
  readonly functions: FunctionsById;
  readonly invoker: Invoker;
  readonly capture: PayloadCapture;
  /** Told of functions that could not even be called, which leave no execution. */
  readonly notCalled: (triggerId: string, error: string) => void;
}

export type HookResult =
  & {
    readonly trigger: string;
    /** `null` when the function could not be called. */
    readonly execution_id: string | null;
    readonly duration_ms: number;
  }
  & (
    | { readonly status: "succeeded"; readonly result: unknown }
    | { readonly status: "failed"; readonly error: string; readonly code: string }
  );

export class HookRunner {
  readonly #options: HookRunnerOptions;

  constructor(options: HookRunnerOptions) {
    this.#options = options;
  }

  /** The enabled triggers of a hook, by POSITION and name. */
  triggersOf(hook: string): TriggerOf<"hook">[] {
    return this.#options.directory.ofKind("hook")
      .filter((trigger) => trigger.enabled && trigger.spec.hook === hook)
      .sort((a, b) => position(a) - position(b) || (a.name < b.name ? -1 : 1));
  }

  /** Calls all of them with the context, JSON text. Those of MODE 'ordered' wait for those before. */
  async run(hook: string, context: string): Promise<HookResult[]> {
    const results: Promise<HookResult>[] = [];
    for (const trigger of this.triggersOf(hook)) {
      if (optionOf(trigger, "MODE") === "ordered") await Promise.all(results);
      results.push(this.#call(trigger, context));
    }
    return await Promise.all(results);
  }

  async #call(trigger: TriggerOf<"hook">, context: string): Promise<HookResult> {
    const arrivedAt = performance.now();
    const executionId = uuidV7();
    let isCalled = false;
    const about = () => ({
      trigger: qualifiedName(trigger),
      execution_id: isCalled ? executionId : null,
      duration_ms: Math.round((performance.now() - arrivedAt) * 100) / 100,
    });
    try {
      const version = this.#options.functions.currentVersion(trigger.functionId);
      if (version === undefined) {
        throw new OrlaError("function_not_found", "The trigger's function does not exist.");
      }
      requireEnabled(version);
      isCalled = true;
      if (isCaptured(trigger)) {
        this.#options.capture.add(trigger, {
          ...{ executionId, eventId: executionId },
          shape: "payload",
          input: context,
        });
      }
      const { output } = await this.#options.invoker.invoke(version, {
        kind: "payload",
        executionId,
        trigger: "hook",
        caller: { role: trigger.owner, service: false },
        cause: { triggerName: qualifiedName(trigger), eventId: executionId },
        arrivedAt,
        input: context,
        shape: "payload",
      });
      return { ...about(), status: "succeeded", result: JSON.parse(output) };
    } catch (thrown) {
      const { code, message } = toOrlaError(thrown);
      if (!isCalled) this.#options.notCalled(trigger.triggerId, message);
      return { ...about(), status: "failed", error: message, code };
    }
  }
}

function position(trigger: TriggerOf<"hook">): number {
  return Number(optionOf(trigger, "POSITION"));
}
