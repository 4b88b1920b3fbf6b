/**
 * Runs assignments and calls against nothing, before the process offers itself. V8 compiles
 * functions when they first run: without this the first real call would pay for all of them, 4 ms
 * of a cold start of 6. It costs a blank process 15 ms once, when nobody waits for it.
 */
import { Flag, FrameType } from "../../protocol/frame.ts";
import { FrameDecoder } from "../../protocol/frame-decoder.ts";
import { type Assignment, type CallHead, encodeMessage } from "../../protocol/messages.ts";
import { Outbox } from "../../protocol/outbox.ts";
import { Logger } from "./console.ts";
import { Instance } from "./instance.ts";

type Style = Assignment["style"];

/** Each is a module in the folder `rehearsal`. */
const styles: readonly Style[] = ["web", "handler", "main"];

/** Never too old to start. */
const sentAt = Number.MAX_SAFE_INTEGER;
const common = { executionId: "rehearsal", role: null, sentAt } as const;
const web = { ...common, kind: "http", url: "http://localhost/?a=1" } as const;
const headers = ["content-type", "application/json", "accept", "*/*"];

const calls: ReadonlyArray<readonly [head: CallHead, body: string]> = [
  [{ ...web, method: "GET", headers: [] }, ""],
  [{ ...web, method: "POST", headers }, "{}"],
  [{ ...common, kind: "payload", shape: "payload" }, "{}"],
  [{ ...common, kind: "payload", shape: "arguments" }, "[{}]"],
];

/**
 * Leaves its marks in the file, which the caller clears. `folder` is the URL of the modules: files,
 * as the real one, because half a millisecond of a first import lies in the way to a file.
 */
export async function rehearse(started: Deno.FsFile, folder: string): Promise<void> {
  for (const style of styles) await perform(style, `${folder}/${style}.js`, started);
}

async function perform(style: Style, url: string, started: Deno.FsFile): Promise<void> {
  const over = Promise.withResolvers<void>();
  let open = calls.length;
  const answers = new FrameDecoder(({ type, callId }) => {
    if (type === FrameType.ping) supervisor.bytes(FrameType.pong, 0, callId);
    const answered = type === FrameType.reply || (type === FrameType.error && callId > 0);
    if (answered && --open === 0) over.resolve();
    if (type === FrameType.error && callId === 0) over.reject(new Error("cannot rehearse"));
  });
  // Two outboxes back to back: what each writes is what the other side receives.
  const outbox = new Outbox((bytes) => Promise.resolve(answers.push(bytes)));
  const supervisor = new Outbox((bytes) => Promise.resolve(instance.receive(bytes)));
  const logger = new Logger(outbox);
  logger.installConsole();
  const instance = new Instance({
    outbox,
    logger,
    started,
    loadProcess: () => {},
    commonJsExports: () => ({}),
    lockDown: () => {},
  });
  supervisor.text(FrameType.assign, 0, 0, encodeMessage(assignment(style, url)));
  for (const [index, [head, body]] of calls.entries()) {
    supervisor.head(FrameType.call, Flag.end, index + 1, encodeMessage(head), body);
  }
  await over.promise;
}

function assignment(style: Style, url: string): Assignment {
  return {
    url,
    style,
    mode: "auto",
    namespace: "",
    name: "rehearsal",
    version: 0,
    parameters: null,
    returns: null,
    memoryBytes: 1 << 27,
    logBacklogBytes: 1 << 20,
    maxResponseBytes: 1 << 20,
    env: {},
    usesProcess: false,
    usesNodeSockets: false,
    egress: null,
  };
}
