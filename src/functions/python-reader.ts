/**
 * The process that reads Python code for CREATE EDGE FUNCTION (`sandbox/compiler/main.py`): one for
 * each interpreter, asked one thing at a time, killed when an answer takes too long, ended when nothing
 * comes for a while.
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";

const MAIN = fileURLToPath(new URL("../sandbox/compiler/main.py", import.meta.url));

/** It takes 60 ms. */
const START_TIMEOUT_MS = 20_000;

/** Starting costs 60 ms, idling 12 MB: long enough for one person's round of edits. */
const DEFAULT_IDLE_MS = 60_000;

/** The largest code allowed takes two seconds. */
const DEFAULT_TIMEOUT_MS = 10_000;

export interface ReadRequest {
  readonly code: string;
  /** How many SQL parameters the function declares; `null` for no signature. */
  readonly parameters: number | null;
  readonly requirements: readonly string[];
}

const answer = z.union([
  z.object({ style: z.enum(["main", "handler", "fetch"]) }),
  z.object({
    error: z.object({
      title: z.string(),
      message: z.string(),
      line: z.number(),
      column: z.number(),
      hint: z.string().nullable(),
    }),
  }),
  z.object({ missing: z.array(z.string()) }),
]);
export type ReadAnswer = z.infer<typeof answer>;

export interface PythonReaderOptions {
  readonly timeoutMs?: number;
  readonly idleMs?: number;
}

/** It took too long, or ended in the middle. */
export class ReaderFailure extends Error {
  readonly why: "timeout" | "ended" | "not started";

  constructor(why: ReaderFailure["why"], message: string) {
    super(message);
    this.why = why;
  }
}

interface Helper {
  readonly child: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly lines: AsyncIterator<string>;
  /** Its last words. */
  readonly errors: Promise<string>;
}

export class PythonReader implements AsyncDisposable {
  readonly #interpreter: string;
  readonly #timeoutMs: number;
  readonly #idleMs: number;
  #helper: Helper | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(interpreter: string, options: PythonReaderOptions = {}) {
    this.#interpreter = interpreter;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#idleMs = options.idleMs ?? DEFAULT_IDLE_MS;
  }

  /** Whether the process is there now. */
  get running(): boolean {
    return this.#helper !== undefined;
  }

  /** Rejects with {@link ReaderFailure}. */
  read(request: ReadRequest): Promise<ReadAnswer> {
    this.#waiting++;
    clearTimeout(this.#idleTimer);
    const result = this.#queue.then(() => this.#readNow(request)).finally(() => {
      if (--this.#waiting === 0) this.#endWhenIdle();
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#idleTimer);
    if (this.#helper !== undefined) kill(this.#helper.child);
    await this.#queue;
    await this.#end();
  }

  async #readNow(request: ReadRequest): Promise<ReadAnswer> {
    try {
      const helper = this.#helper ??= await this.#start();
      const text = JSON.stringify({ ...request, code: request.code.toWellFormed() });
      helper.writer.write(new TextEncoder().encode(`${text}\n`)).catch(() => {});
      return answer.parse(JSON.parse(await nextLine(helper, this.#timeoutMs)));
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  async #start(): Promise<Helper> {
    if (this.#stopped) throw new ReaderFailure("not started", "the node is stopping");
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(this.#interpreter, {
        args: ["-I", "-B", MAIN],
        cwd: "/",
        clearEnv: true,
        env: { PYTHONIOENCODING: "utf-8" },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        detached: true,
      }).spawn();
    } catch (error) {
      throw new ReaderFailure("not started", error instanceof Error ? error.message : `${error}`);
    }
    const helper = this.#helper = {
      child,
      writer: child.stdin.getWriter(),
      lines: linesOf(child.stdout),
      errors: new Response(child.stderr).text().then((text) =>
        text.trim().split("\n").at(-1) ?? ""
      ),
    };
    try {
      await nextLine(helper, START_TIMEOUT_MS);
    } catch {
      kill(child);
      throw new ReaderFailure("not started", await helper.errors);
    }
    return helper;
  }

  #endWhenIdle(): void {
    if (this.#helper === undefined || this.#stopped) return;
    this.#idleTimer = setTimeout(() => {
      this.#queue = this.#end();
    }, this.#idleMs);
  }

  async #end(): Promise<void> {
    const helper = this.#helper;
    this.#helper = undefined;
    if (helper === undefined) return;
    kill(helper.child);
    await Promise.all([
      helper.child.status,
      helper.errors,
      helper.lines.return?.(),
      helper.writer.close().catch(() => {}),
    ]);
  }
}

async function nextLine({ lines, child }: Helper, timeoutMs: number): Promise<string> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill(child);
  }, timeoutMs);
  try {
    const { value, done } = await lines.next();
    if (isLate) throw new ReaderFailure("timeout", `no answer within ${timeoutMs / 1000} s`);
    if (done) throw new ReaderFailure("ended", "it ended in the middle");
    return value;
  } finally {
    clearTimeout(timer);
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let partial = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (partial + text).split("\n");
    partial = lines.pop() ?? "";
    yield* lines;
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
