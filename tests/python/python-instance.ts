/** One real Python instance without sandbox, and the supervisor's end of its channel to play with. */
import { Flag, type Frame, FrameType } from "../../src/protocol/frame.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { HostMessage, sendHostMessage, splitHostFrame } from "../../src/protocol/host-message.ts";
import {
  decodeText,
  decodeWireError,
  splitHead,
  type WireError,
} from "../../src/protocol/messages.ts";
import { Outbox } from "../../src/protocol/outbox.ts";
import { readUint32 } from "../../src/protocol/frame.ts";

const folder = new URL("../../src/sandbox/python", import.meta.url).pathname;
const harness = new URL("harness.py", import.meta.url).pathname;

export interface Reply {
  /** `null` for payload calls. */
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly bytes: Uint8Array;
  readonly chunks: readonly string[];
}

export interface LogLine {
  readonly callId: number;
  readonly level: string;
  readonly text: string;
}

/** What went wrong inside, as it was told. */
export class Failure extends Error {
  readonly error: WireError;

  constructor(error: WireError) {
    super(`${error.name}: ${error.message}`);
    this.error = error;
  }
}

type Answer = { value: unknown } | { error: Record<string, unknown> };

export interface InstanceInput {
  readonly code: string;
  readonly name?: string;
  readonly style?: string;
  readonly mode?: string;
  readonly parameters?: readonly { name: string | null; type: string }[] | null;
  readonly returns?: string | null;
  readonly env?: Record<string, string>;
  readonly egress?: { port: number; token: string };
  readonly memoryBytes?: number;
  readonly logBacklogBytes?: number;
  readonly maxResponseBytes?: number;
  readonly interpreter?: string;
  /** Answers host calls. A call that it answers with `undefined` stays open. */
  readonly host?: (op: string, input: never, callId: number) => Answer | undefined;
  /** Files beside the module. */
  readonly files?: Record<string, string>;
  /** Bytes the instance may be ahead without being granted more by hand. */
  readonly autoCredit?: boolean;
}

interface OpenCall {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Failure) => void;
  readonly chunks: Uint8Array[];
  status: number | null;
  headers: Record<string, string>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const levels = ["debug", "info", "warn", "error"];

export class PythonInstance implements AsyncDisposable {
  readonly outbox: Outbox;
  readonly logs: LogLine[] = [];
  readonly frames: { type: number; flags: number; callId: number; payload: Uint8Array }[] = [];
  readonly pid: number;
  /** Resolves when the process has ended, with its exit code. */
  readonly exited: Promise<number>;
  readonly stderr: Promise<string>;
  readonly #directory: string;
  readonly #process: Deno.ChildProcess;
  readonly #connection: Deno.Conn;
  readonly #input: InstanceInput;
  readonly #calls = new Map<number, OpenCall>();
  readonly #questions = new Map<number, HostMessage>();
  readonly #watchers = new Set<() => void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #reading: Promise<void>;
  #lastId = 0;
  #paused: PromiseWithResolvers<void> | undefined;

  private constructor(
    input: InstanceInput,
    directory: string,
    process: Deno.ChildProcess,
    connection: Deno.Conn,
  ) {
    this.#input = input;
    this.#directory = directory;
    this.#process = process;
    this.#connection = connection;
    this.pid = process.pid;
    this.exited = process.status.then(({ code }) => code);
    this.stderr = new Response(process.stderr).text();
    this.outbox = new Outbox(async (bytes) => {
      let sent = 0;
      while (sent < bytes.length) sent += await connection.write(bytes.subarray(sent));
    });
    this.#ready.promise.catch(() => {});
    this.#reading = this.#read();
  }

  static async start(input: InstanceInput): Promise<PythonInstance> {
    const instance = await PythonInstance.blank(input);
    instance.assign();
    await instance.ready;
    return instance;
  }

  /** Connected, and told nothing yet. */
  static async blank(input: InstanceInput): Promise<PythonInstance> {
    const directory = await Deno.makeTempDir({ prefix: "orla-python-" });
    const name = input.name ?? "probe";
    await Deno.writeTextFile(`${directory}/${name}.py`, input.code);
    for (const [file, text] of Object.entries(input.files ?? {})) {
      await Deno.writeTextFile(`${directory}/${file}`, text);
    }
    await Deno.writeFile(`${directory}/started`, new Uint8Array(4));
    const listener = Deno.listen({ transport: "unix", path: `${directory}/socket` });
    const process = new Deno.Command(input.interpreter ?? "python3", {
      args: ["-I", "-B", harness, folder, `${directory}/socket`, `${directory}/started`],
      cwd: directory,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const connection = await listener.accept();
    listener.close();
    return new PythonInstance(input, directory, process, connection);
  }

  assign(): void {
    const { memoryBytes = 1 << 27 } = this.#input;
    const { name = "probe", style, mode = "auto", parameters = null, returns = null } = this.#input;
    const { env = {}, egress = null, logBacklogBytes = 1 << 20, maxResponseBytes = 1 << 30 } =
      this.#input;
    const url = new URL(`file://${this.#directory}/${name}.py`).href;
    const assignment = {
      language: "python",
      url,
      style,
      mode,
      namespace: "default",
      name,
      version: 1,
      parameters,
      returns,
      memoryBytes,
      logBacklogBytes,
      maxResponseBytes,
      env,
      egress,
    };
    this.outbox.text(FrameType.assign, 0, 0, JSON.stringify(assignment));
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** The id of the last call that was begun. */
  get started(): number {
    return readUint32(Deno.readFileSync(`${this.#directory}/started`), 0);
  }

  /** Calls with a payload, or with declared arguments; answers with the parsed result. */
  async payload(value: unknown, shape: "payload" | "arguments" = "payload"): Promise<unknown> {
    return JSON.parse((await this.send({ kind: "payload", shape }, JSON.stringify(value))).body);
  }

  async text(text: string, shape: "payload" | "arguments" = "arguments"): Promise<string> {
    return (await this.send({ kind: "payload", shape }, text)).body;
  }

  http(
    { method = "GET", url = "http://localhost:8000/functions/v1/probe", headers = [] as string[] } =
      {},
    body = "",
  ): Promise<Reply> {
    return this.send({ kind: "http", method, url, headers }, body);
  }

  send(head: Record<string, unknown>, body: string): Promise<Reply> {
    const id = ++this.#lastId;
    return this.begin(id, head, encoder.encode(body), true);
  }

  nextId(): number {
    return ++this.#lastId;
  }

  begin(
    id: number,
    head: Record<string, unknown>,
    body: Uint8Array,
    whole: boolean,
  ): Promise<Reply> {
    const full = { executionId: `execution-${id}`, sentAt: Date.now(), role: "tester", ...head };
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.#calls.set(id, { resolve, reject, chunks: [], status: null, headers: {} });
    this.outbox.head(FrameType.call, whole ? Flag.end : 0, id, JSON.stringify(full), body);
    return promise;
  }

  /** The bodies of frames of this type for this call, as they are. */
  async frame(type: number, callId: number): Promise<Uint8Array> {
    return (await this.#eventually(() =>
      this.frames.find((frame) => frame.type === type && frame.callId === callId)
    )).payload;
  }

  /** Bytes of the call's response so far, as soon as there are so many. */
  received(callId: number, atLeast: number): Promise<number> {
    const types: number[] = [FrameType.reply, FrameType.body];
    return this.#eventually(() => {
      const own = this.frames.filter((frame) =>
        frame.callId === callId && types.includes(frame.type)
      );
      const sizes = own.map(({ type, payload }) =>
        type === FrameType.reply ? splitHead(payload).body.length : payload.length
      );
      const sum = sizes.reduce((total, size) => total + size, 0);
      return sum >= atLeast ? sum : undefined;
    });
  }

  async logged(text: string): Promise<LogLine> {
    return await this.#eventually(() => this.logs.find((line) => line.text.includes(text)));
  }

  garbage(): void {
    this.#connection.write(new Uint8Array(64).fill(255)).catch(() => {});
  }

  /** Closes the supervisor's end. */
  hangUp(): void {
    this.#connection.close();
  }

  /** Reads nothing more until told to. */
  pause(): void {
    this.#paused = Promise.withResolvers<void>();
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Resolves when the call with this id, or a later one, has been begun. */
  async begun(id: number): Promise<void> {
    while (this.started < id) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Resolves when the process has used no processor time for a tenth of a second. */
  async cpuRests(): Promise<void> {
    for (let before = -1;;) {
      const stat = Deno.readTextFileSync(`/proc/${this.pid}/stat`).split(") ")[1]?.split(" ") ?? [];
      const ticks = Number(stat[11]) + Number(stat[12]);
      if (ticks === before) return;
      before = ticks;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.outbox.close();
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.exited;
    await this.stderr;
    try {
      this.#connection.close();
    } catch {
      // So has the connection.
    }
    await this.#reading;
    await Deno.remove(this.#directory, { recursive: true });
  }

  #eventually<T>(look: () => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const check = () => {
        const found = look();
        if (found === undefined) return;
        this.#watchers.delete(check);
        resolve(found);
      };
      this.#watchers.add(check);
      check();
    });
  }

  async #read(): Promise<void> {
    const frames = new FrameDecoder((frame) => this.#frame(frame));
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await this.#connection.read(buffer);
        await this.#paused?.promise;
        if (count === null) break;
        frames.push(buffer.subarray(0, count));
        for (const watcher of this.#watchers) watcher();
      }
    } catch {
      // Killed, or closed by us.
    }
    const error = new Failure({ name: "Gone", message: "the instance is gone" });
    this.#ready.reject(error);
    for (const call of this.#calls.values()) call.reject(error);
  }

  #frame({ type, flags, callId, payload }: Frame): void {
    const copy = payload.slice();
    this.frames.push({ type, flags, callId, payload: copy });
    const call = this.#calls.get(callId);
    switch (type) {
      case FrameType.ready:
        return this.#ready.resolve();
      case FrameType.log:
        return void this.logs.push({
          callId,
          level: levels[flags & 3] ?? "?",
          text: decodeText(copy),
        });
      case FrameType.error: {
        const failure = new Failure(decodeWireError(copy));
        if (callId === 0) return this.#ready.reject(failure);
        this.#calls.delete(callId);
        return call?.reject(failure);
      }
      case FrameType.reply: {
        if (call === undefined) return;
        const { head, body } = splitHead(copy);
        if (head !== "") {
          const { status, headers } = JSON.parse(head);
          call.status = status;
          for (let i = 0; i < headers.length; i += 2) call.headers[headers[i]] = headers[i + 1];
        }
        return this.#body(callId, call, body, flags);
      }
      case FrameType.body:
        if (call === undefined) return;
        if (this.#input.autoCredit !== false && copy.length > 0) {
          this.outbox.uint32(FrameType.credit, callId, copy.length);
        }
        return this.#body(callId, call, copy, flags);
      case FrameType.ping:
        return this.outbox.bytes(FrameType.pong, 0, callId);
      case FrameType.hostCall:
        return this.#question(callId, copy, flags);
      default:
        return;
    }
  }

  #body(callId: number, call: OpenCall, chunk: Uint8Array, flags: number): void {
    if (chunk.length > 0) call.chunks.push(chunk);
    if ((flags & Flag.end) === 0) return;
    this.#calls.delete(callId);
    const bytes = new Uint8Array(call.chunks.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    for (const each of call.chunks) {
      bytes.set(each, offset);
      offset += each.length;
    }
    const { status, headers } = call;
    const chunks = call.chunks.map((each) => decoder.decode(each));
    call.resolve({ status, headers, bytes, chunks, body: decoder.decode(bytes) });
  }

  #question(callId: number, payload: Uint8Array, flags: number): void {
    const { id, chunk } = splitHostFrame(payload);
    const message = this.#questions.get(id) ?? new HostMessage();
    this.#questions.set(id, message);
    message.add(chunk);
    if ((flags & Flag.end) === 0) return;
    this.#questions.delete(id);
    const { op, input } = JSON.parse(message.text());
    const answer = this.#input.host?.(op, input as never, callId);
    if (answer === undefined) return;
    const bytes = encoder.encode(typeof answer === "string" ? answer : JSON.stringify(answer));
    sendHostMessage(this.outbox, FrameType.hostReply, callId, id, bytes);
  }
}
