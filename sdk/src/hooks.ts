/** Named moments of a pipeline, told to the functions that wait for them. */
import { Answer } from "./answer.ts";
import { pathOf } from "./path.ts";
import type { InvokeOptions } from "./functions.ts";
import type { Transport } from "./transport.ts";

/** What became of one function's call. */
export type HookResult =
  & {
    readonly trigger: string;
    /** `null` when the function could not even be called. */
    readonly executionId: string | null;
    readonly durationMs: number;
  }
  & (
    | { readonly status: "succeeded"; readonly result: unknown }
    | {
      readonly status: "failed";
      readonly error: string;
      readonly code: string;
    }
  );

export class Hooks {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Calls every function of the hook with the context, and resolves when all have ended. One that
   * failed is among the results: the call itself does not fail because of it. Needs the service key.
   */
  async run(
    name: string,
    context?: unknown,
    { idempotent = false, ...options }: InvokeOptions = {},
  ): Promise<readonly HookResult[]> {
    const answer = await this.#transport.json({
      ...options,
      method: "POST",
      path: pathOf("/api/v1/hooks", [name], "a hook"),
      headers: { "content-type": "application/json" },
      body: JSON.stringify(context),
      repeatable: idempotent,
    });
    return new Answer(answer).list("results").map(resultOf);
  }
}

function resultOf(value: unknown): HookResult {
  const answer = new Answer(value);
  const about = {
    trigger: answer.text("trigger"),
    executionId: answer.value("execution_id") === null ? null : answer.text("execution_id"),
    durationMs: answer.number("duration_ms"),
  };
  return answer.text("status") === "succeeded"
    ? { ...about, status: "succeeded", result: answer.value("result") }
    : {
      ...about,
      status: "failed",
      error: answer.text("error"),
      code: answer.text("code"),
    };
}
