/** What an instance writes: its calls' log lines and what it prints, within bounds, with readable stacks. */
import { type FunctionVersion } from "../functions/function.ts";
import { rewriteStack } from "../functions/stack-trace.ts";
import { decodeText } from "../protocol/messages.ts";
import { tracedModule } from "./assignment.ts";
import type { LogOwner } from "./delivery.ts";
import { droppedByRate, droppedBySize, LogMeter } from "./log-meter.ts";

/** Indexes into `logLevels`. */
const INFO = 1;
const WARN = 2;
const ERROR = 3;

type Sink = (executionId: string | null, level: number, message: string) => void;

export class InstanceLog {
  readonly #directory: string;
  readonly #meter: LogMeter;
  #version: FunctionVersion | undefined;
  #sink: Sink = () => {};

  constructor(directory: string, now: number) {
    this.#directory = directory;
    this.#meter = new LogMeter(now);
  }

  /** Before this there is nobody whose lines they could be. */
  begin(version: FunctionVersion, sink: Sink): void {
    this.#version = version;
    this.#sink = sink;
  }

  /** A line it wrote to its output: untrusted, and belonging to its function. */
  printed(stream: "stdout" | "stderr", line: string, now: number): void {
    if (this.#meter.take(line.length, now)) {
      this.#put(null, stream === "stdout" ? INFO : ERROR, line);
    }
  }

  /** UTF-8, of which only what is kept is decoded. */
  line(owner: LogOwner | undefined, level: number, line: Uint8Array, now: number): void {
    if (owner !== undefined) {
      owner.bytes += line.length;
      if (owner.bytes > this.#maxBytes) return void owner.dropped++;
    }
    if (!this.#meter.take(line.length, now)) return;
    this.tellDropped(now);
    this.#put(owner?.executionId ?? null, level, decodeText(line));
  }

  /** The platform's own word to the function's author. */
  warn(message: string): void {
    this.#put(null, WARN, message);
  }

  /** Lines that came too fast. */
  tellDropped(now: number): void {
    const lines = this.#meter.toTell(now);
    if (lines > 0) this.#put(null, WARN, droppedByRate(lines));
  }

  /** A call is over: its lines that were too many. Who keeps none need not be told each time. */
  ended({ executionId, dropped }: LogOwner): void {
    if (dropped === 0 || this.#maxBytes === 0) return;
    this.#put(executionId, WARN, droppedBySize(dropped, this.#maxBytes));
  }

  get #maxBytes(): number {
    return this.#version?.options.maxLogBytes ?? 0;
  }

  /** Stacks are printed too, and mean nothing to their author with our paths in them. */
  #put(executionId: string | null, level: number, message: string): void {
    if (this.#version === undefined) return;
    const module = tracedModule(this.#version, this.#directory);
    const traced = message.includes(module.moduleUrlSuffix);
    this.#sink(executionId, level, traced ? rewriteStack(message, module) : message);
  }
}
