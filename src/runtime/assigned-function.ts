/** What an instance was given to run: by whom, with which way out, and what its errors are called. */
import type { OrlaError } from "../base/errors.ts";
import type { EgressGate, EgressPass } from "../functions/egress.ts";
import type { FunctionVersion } from "../functions/function.ts";
import type { TracedModule } from "../functions/stack-trace.ts";
import type { Assignment, WireError } from "../protocol/messages.ts";
import { assignmentFor, tracedModule } from "./assignment.ts";
import { functionError, mayBeShortage, memoryLimitExceeded } from "./function-error.ts";
import type { InstanceOwner } from "./instance-owner.ts";
import { writeModule } from "./module-files.ts";

interface PrepareOptions {
  /** The user that the process runs as, where it has one of its own. */
  readonly uid: number | null;
  readonly egress: EgressGate | null;
  /** Told of each request that was not let out. */
  readonly onRefused: (sentence: string) => void;
}

export class AssignedFunction implements Disposable {
  readonly version: FunctionVersion;
  readonly owner: InstanceOwner;
  readonly #directory: string;
  #pass: EgressPass | undefined;

  constructor(version: FunctionVersion, owner: InstanceOwner, directory: string) {
    this.version = version;
    this.owner = owner;
    this.#directory = directory;
  }

  /** Puts everything in place that the process needs; what it is told then. */
  prepare({ uid, egress, onRefused }: PrepareOptions): Assignment {
    const { version } = this;
    writeModule(version, this.#directory, uid);
    this.#pass = egress?.admit({ version, onRefused });
    return assignmentFor(version, this.#directory, this.#pass);
  }

  importError(error: WireError): OrlaError {
    return functionError(error, this.version, this.#traced);
  }

  /** `isMemoryShort` is asked where the error may be what a lack of memory looks like. */
  callError(error: WireError, isPayload: boolean, isMemoryShort: () => boolean): OrlaError {
    if (mayBeShortage(error) && isMemoryShort()) {
      return memoryLimitExceeded(this.version, `${error.name}: ${error.message}`);
    }
    return functionError(error, this.version, this.#traced, isPayload);
  }

  [Symbol.dispose](): void {
    this.#pass?.[Symbol.dispose]();
  }

  get #traced(): TracedModule {
    return tracedModule(this.version, this.#directory);
  }
}
