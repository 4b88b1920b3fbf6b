/** `console` writes log lines of the call that is running, at their level. */
import { FrameType } from "../../protocol/frame.ts";
import type { Outbox } from "../../protocol/outbox.ts";
import { uncurryThis } from "../../protocol/primordials.ts";
import { currentCallId } from "./call-scope.ts";
import { internals } from "./deno-internal.ts";

/** One line's UTF-8 must fit a frame with room to spare, and a log is no place for documents. */
const MAX_LINE = 64 * 1024;

const { Console } = internals;

const slice = uncurryThis(String.prototype.slice);
const endsWith = uncurryThis(String.prototype.endsWith);

export class Logger {
  readonly #outbox: Outbox;
  #maxBacklog = 0;
  #dropped = 0;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Lines are dropped, and counted, while more than this many bytes wait for the supervisor. */
  open(maxBacklogBytes: number): void {
    this.#maxBacklog = maxBacklogBytes;
  }

  installConsole(): void {
    const own = new Console((text, level) => this.write(level, text));
    // Libraries hold on to the object itself, so its methods are replaced rather than the object.
    const target = globalThis.console as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(own)) {
      if (typeof value === "function") target[name] = value;
    }
  }

  /** `level` is an index into `logLevels`. */
  write(level: number, text: string, callId = currentCallId()): void {
    if (this.#outbox.backlogBytes > this.#maxBacklog) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      const dropped = this.#dropped;
      this.#dropped = 0;
      this.#send(
        2,
        `${dropped} log lines were dropped: they came faster than they could be kept`,
        0,
      );
    }
    this.#send(level, endsWith(text, "\n") ? slice(text, 0, -1) : text, callId);
  }

  #send(level: number, text: string, callId: number): void {
    const line = text.length > MAX_LINE
      ? `${slice(text, 0, MAX_LINE)}… (${text.length} characters)`
      : text;
    this.#outbox.text(FrameType.log, level & 3, callId, line);
  }
}
