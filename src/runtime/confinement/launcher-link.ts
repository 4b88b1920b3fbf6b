/** Starts one launcher process and speaks with it, until its end. */
import { fileURLToPath } from "node:url";
import {
  type LauncherCommand,
  type LauncherEvent,
  parseLauncherEvent,
} from "./launcher-messages.ts";

export interface ZygoteOptions {
  /** Modules imported before the first fork; one that ends in `?` need not be there. */
  readonly preload: readonly string[];
}

export interface LauncherLinkOptions {
  readonly python: string;
  readonly uids: { readonly first: number; readonly last: number } | null;
  readonly cgroups: boolean;
  readonly zygote?: ZygoteOptions;
  readonly onEvent: (event: Exclude<LauncherEvent, { event: "ready" }>) => void;
  /** Called once, if it had become ready: all that it launched is dead. */
  readonly onEnd: (why: string) => void;
}

export interface LauncherLink {
  readonly pid: number;
  send(command: LauncherCommand): void;
  /** Closes its input; resolves when it is gone. */
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL("../../sandbox/launcher/main.py", import.meta.url));

const INSTANCE_FOLDER = fileURLToPath(new URL("../../sandbox/python", import.meta.url));

/** It takes 30 ms. */
const START_TIMEOUT_MS = 10_000;
/** Large libraries take seconds to import, from a cold disk many. */
const PRELOAD_TIMEOUT_MS = 120_000;
/** All of its children are killed, which takes as long as the kernel needs to free their memory. */
const STOP_TIMEOUT_MS = 5_000;

/**
 * Libraries of numbers start a thread per processor when they are imported, and what has threads cannot
 * be forked safely. One heap for all threads: Python runs one at a time anyway.
 */
const ZYGOTE_ENVIRONMENT = {
  MALLOC_ARENA_MAX: "1",
  OPENBLAS_NUM_THREADS: "1",
  OMP_NUM_THREADS: "1",
  MKL_NUM_THREADS: "1",
  NUMEXPR_NUM_THREADS: "1",
  VECLIB_MAXIMUM_THREADS: "1",
};

/** Rejects with its last words, when all of it is gone. */
export async function startLauncher(options: LauncherLinkOptions): Promise<LauncherLink> {
  const { python, uids, cgroups, zygote, onEvent, onEnd } = options;
  const settings = {
    uids: uids === null ? null : [uids.first, uids.last],
    cgroups,
    ...zygote && { python: { folder: INSTANCE_FOLDER, preload: zygote.preload } },
  };
  // Without -S the environment's own packages are found.
  const flags = zygote === undefined ? ["-I", "-S", "-E", "-B"] : ["-I", "-B"];
  const child = new Deno.Command(python, {
    args: [...flags, MAIN, JSON.stringify(settings)],
    cwd: "/",
    clearEnv: true,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...zygote && ZYGOTE_ENVIRONMENT },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // Its own session: a Ctrl-C in the terminal is not for it.
    detached: true,
  }).spawn();
  const ready = Promise.withResolvers<number>();
  let isReady = false;
  const words: string[] = [];
  const listen = (line: string) => {
    const event = parseLauncherEvent(line);
    if (event.event !== "ready") return onEvent(event);
    isReady = true;
    ready.resolve(event.pid);
  };
  const heard = Promise.all([
    eachLine(child.stdout, listen).catch((error) => {
      // It does not speak our language, so it is of no use.
      words.push(String(error));
      kill(child);
    }),
    eachLine(child.stderr, (line) => void words.push(line)),
  ]);
  const writer = child.stdin.getWriter();
  const gone = Promise.all([child.status, heard]).then(([{ code }]) => {
    const last = words.at(-1) ?? `exit code ${code}`;
    ready.reject(new Error(last));
    writer.close().catch(() => {});
    if (isReady) onEnd(last);
  });
  const encoder = new TextEncoder();
  const stop = async () => {
    const timer = setTimeout(() => kill(child), STOP_TIMEOUT_MS);
    await writer.close().catch(() => {});
    await gone;
    clearTimeout(timer);
  };
  const timer = setTimeout(() => {
    words.push("it did not get ready in time");
    kill(child);
  }, zygote === undefined ? START_TIMEOUT_MS : PRELOAD_TIMEOUT_MS);
  try {
    return {
      pid: await ready.promise,
      send(command) {
        // A broken pipe shows as the launcher's end.
        writer.write(encoder.encode(`${JSON.stringify(command)}\n`)).catch(() => {});
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let partial = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (partial + text).split("\n");
    partial = lines.pop() ?? "";
    lines.forEach(take);
  }
}
