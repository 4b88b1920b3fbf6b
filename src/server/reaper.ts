/**
 * Keeps a promise that the node itself cannot keep when it is killed: no process outlives it.
 *
 * A small shell script (reaper.sh) holds the far end of a pipe to us. When the pipe closes, for
 * whatever reason, it kills the processes we had registered and removes the runtime directory.
 */
import { fileURLToPath } from "node:url";
import type { Logger } from "../base/log.ts";

export interface Reaper {
  /** From now on the process ends with this node, even when the node is killed. */
  watch(pid: number, signal: "KILL" | "INT"): void;
  /** The process has ended; its id may become someone else's. */
  release(pid: number): void;
}

export interface ReaperOptions {
  /** Removed when the node is gone. Its last segment starts with `orla-`. */
  readonly runtimeDir: string;
  readonly log: Logger;
}

const SCRIPT = fileURLToPath(new URL("./reaper.sh", import.meta.url));

/** A reaper that dies at once, again and again, is not worth more processes than this a minute. */
const RESTART_DELAY_MS = 1_000;

export function startReaper(options: ReaperOptions): Reaper & AsyncDisposable {
  const watched = new Map<number, "KILL" | "INT">();
  const encoder = new TextEncoder();
  let current = spawn();
  let stopping = false;
  let restart: ReturnType<typeof setTimeout> | undefined;

  function spawn() {
    const child = new Deno.Command("/bin/sh", {
      args: [SCRIPT],
      cwd: "/",
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin" },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      // Its own session: a Ctrl-C in the terminal is not for it.
      detached: true,
    }).spawn();
    const writer = child.stdin.getWriter();
    const send = (line: string) => {
      // A broken pipe shows as the child's end, which is handled below.
      writer.write(encoder.encode(line + "\n")).catch(() => {});
    };
    send(`directory ${options.runtimeDir}`);
    for (const [pid, signal] of watched) send(`watch ${pid} ${signal}`);
    child.status.then((status) => {
      if (stopping) return;
      options.log.warn("the reaper ended; starting another", { code: status.code });
      restart = setTimeout(() => current = spawn(), RESTART_DELAY_MS);
    });
    return { child, writer, send };
  }

  return {
    watch(pid, signal) {
      watched.set(pid, signal);
      current.send(`watch ${pid} ${signal}`);
    },
    release(pid) {
      if (watched.delete(pid)) current.send(`release ${pid}`);
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      clearTimeout(restart);
      await current.writer.close().catch(() => {});
      await current.child.status;
    },
  };
}
