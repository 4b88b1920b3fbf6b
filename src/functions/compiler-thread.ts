/**
 * Compiles in a thread of its own.
 *
 * What is compiled is a stranger's text, and compilers are slow on the wrong one: five megabytes
 * take 2.5 s and a gigabyte, and a hundred bytes of nested `<a>(` keep the TypeScript parser busy for
 * half a minute. Nothing of this may stop the node's event loop. So one thread works through the
 * requests in order, is killed when one takes too long, and ends by itself when nothing comes.
 */
import { Worker } from "node:worker_threads";
import { type ErrorCode, OrlaError } from "../base/errors.ts";
import type { CompilerInput } from "./compile-function.ts";
import type { CompiledModule } from "./function.ts";

/** Four times what the largest module allowed needs. */
const compileTimeoutMs = 10_000;

/** Starting costs 90 ms, idling 25 MB: long enough for one person's round of edits. */
const idleTimeoutMs = 60_000;

/** What the thread sends back; before all, `"ready"`. */
export type CompilerAnswer =
  | { readonly module: CompiledModule }
  | {
    readonly error: {
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
      readonly detail: string | undefined;
      readonly position: number | undefined;
    };
  };

export interface CompilerThreadOptions {
  readonly timeoutMs?: number;
  readonly idleMs?: number;
}

export class CompilerThread implements AsyncDisposable {
  readonly #timeoutMs: number;
  readonly #idleMs: number;
  #worker: Worker | null = null;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  /** Settles when the requests before the next one are done. */
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  readonly #stopped = new AbortController();

  constructor(options: CompilerThreadOptions = {}) {
    this.#timeoutMs = options.timeoutMs ?? compileTimeoutMs;
    this.#idleMs = options.idleMs ?? idleTimeoutMs;
  }

  /** Whether the thread is there now. */
  get running(): boolean {
    return this.#worker !== null;
  }

  /** As `compileModule`; also `invalid_code` for code that takes too long. */
  compile(input: CompilerInput): Promise<CompiledModule> {
    this.#waiting++;
    clearTimeout(this.#idleTimer);
    const result = this.#queue.then(() => this.#compileNow(input)).finally(() => {
      if (--this.#waiting === 0) this.#stopWhenIdle();
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Refuses what has not been compiled by now. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#idleTimer);
    await this.#queue;
    await this.#stopWorker();
  }

  async #compileNow(input: CompilerInput): Promise<CompiledModule> {
    let answer: CompilerAnswer;
    try {
      if (this.#stopped.signal.aborted) throw stopping();
      if (this.#worker === null) {
        this.#worker = this.#start();
        await this.#nextMessage(this.#worker);
      }
      // Only what compiling reads: the caller's objects may hold more than can be sent.
      const { code, language, name, returns = null } = input;
      const parameters = input.parameters?.map(({ name, type }) => ({
        name,
        ...(type === undefined ? {} : { type }),
      })) ?? null;
      const request: CompilerInput = { code, language, name, parameters, returns };
      this.#worker.postMessage(request);
      // The worker is our own file: what it posts has this type.
      answer = await this.#nextMessage(this.#worker, input) as CompilerAnswer;
    } catch (thrown) {
      await this.#stopWorker();
      throw thrown;
    }
    if ("module" in answer) return answer.module;
    const { code, message, hint, detail, position } = answer.error;
    throw new OrlaError(code, message, {
      ...(hint === undefined ? {} : { hint }),
      ...(detail === undefined ? {} : { detail }),
      ...(position === undefined ? {} : { position }),
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./compiler-worker.ts", import.meta.url));
    // One that fails between requests is replaced at the next; an error nobody heard would end us.
    worker.on("error", () => {
      if (this.#worker === worker) this.#worker = null;
    });
    return worker;
  }

  /** Waits for the worker; with an input under way, no longer than the time-out. */
  async #nextMessage(worker: Worker, input?: CompilerInput): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const { signal } = this.#stopped;
    const stop = () => reject(stopping());
    const timer = input && setTimeout(
      () => reject(tooSlow(input, this.#timeoutMs)),
      this.#timeoutMs,
    );
    worker.on("message", resolve).on("error", reject);
    signal.addEventListener("abort", stop);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      worker.off("message", resolve).off("error", reject);
      signal.removeEventListener("abort", stop);
    }
  }

  #stopWhenIdle(): void {
    if (this.#worker === null || this.#stopped.signal.aborted) return;
    this.#idleTimer = setTimeout(() => void this.#stopWorker(), this.#idleMs);
  }

  async #stopWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }
}

function tooSlow(input: CompilerInput, timeoutMs: number): OrlaError {
  return new OrlaError(
    "invalid_code",
    `the code of function ${input.name} does not compile within ${timeoutMs / 1000} s`,
    { hint: "Deeply nested generics, casts or arrow functions can be the reason.", position: 0 },
  );
}

function stopping(): OrlaError {
  return new OrlaError("unavailable", "the node is stopping");
}
