/** Why and how an instance ends, and what becomes of the calls it had. */
import { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";
import type { Clock } from "./clock.ts";
import { crashError, type Ending } from "./crash.ts";
import type { Delivery } from "./delivery.ts";
import type { Invocation } from "./invocation.ts";
import type { InstanceProcess, ProcessExit } from "./launcher.ts";

/** V8 writes a report when it runs out of memory; then the process is gone. */
const EXIT_GRACE_MS = 500;

export class InstanceEnd {
  readonly #process: InstanceProcess;
  readonly #clock: Clock;
  #ending: Ending | undefined;

  constructor(process: InstanceProcess, clock: Clock) {
    this.#process = process;
    this.#clock = clock;
  }

  get isDecided(): boolean {
    return this.#ending !== undefined;
  }

  /** The first reason counts. */
  decide(ending: Ending): void {
    if (this.isDecided) return;
    this.#ending = ending;
    this.#process.kill();
  }

  /** A process whose socket has closed is dying, and how it dies by itself says why. */
  async exit(): Promise<ProcessExit> {
    const timer = this.#clock.after(EXIT_GRACE_MS, () => this.#process.kill());
    const exit = await this.#process.exited;
    timer.cancel();
    if (exit.withLauncher === true) this.#ending ??= { kind: "orphaned" };
    return exit;
  }

  /** What to tell its calls; `undefined` when it was stopped on purpose. */
  error(exit: ProcessExit, version: FunctionVersion): OrlaError | undefined {
    return crashError(this.#ending, exit, version);
  }

  /** Fails the calls that were begun, up to the id `begun`; returns the others, which can run elsewhere. */
  partCalls(
    deliveries: readonly Delivery[],
    begun: number,
    error: OrlaError | undefined,
  ): Invocation[] {
    const unstarted: Invocation[] = [];
    for (const { invocation, callId, phase } of deliveries) {
      if (phase !== "running") continue;
      // Where the import failed it will fail elsewhere, too.
      if (callId > begun && this.#ending?.kind !== "failed" && invocation.repeatable) {
        unstarted.push(invocation);
      } else invocation.fail(error ?? new OrlaError("unavailable", "The instance was stopped"));
    }
    return unstarted;
  }

  /** It was one call's trouble, or the platform's, and says nothing about the function. */
  get saysNothing(): boolean {
    const kind = this.#ending?.kind;
    return kind === "hung" || kind === "cpu" || kind === "orphaned";
  }
}
