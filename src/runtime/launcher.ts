/**
 * The one place that starts a process. It knows the flags that make Deno a sandbox; which isolation
 * the operating system adds is another launcher behind the same interface.
 */
import { dirname } from "node:path";
import { OrlaError } from "../base/errors.ts";
import { captureLines, keepTail } from "./output-capture.ts";

export interface InstanceProcess {
  readonly pid: number;
  /** Its own user, who must be able to read what it shall run; `null` for ours. */
  readonly uid: number | null;
  /** Never rejects. */
  readonly exited: Promise<ProcessExit>;
  kill(): void;
  /** Where the system keeps an account of its own for the process; elsewhere nothing happens. */
  limitMemory(memoryMb: number): void;
  /** Returns whether the system holds the process to so many percent of one processor. */
  limitCpu?(percent: number): boolean;
}

export interface ProcessExit {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  /** The last of what it wrote to its error output: V8 says there why it gave up. */
  readonly lastWords: string;
  /** It was ended because its launcher was. */
  readonly withLauncher?: boolean;
}

/** The process that was to start one ended in the middle, as nothing of the instance's own would make it. */
export class LauncherLost extends OrlaError {
  constructor(why: string) {
    super("unavailable", `the launcher ended: ${why}`);
  }
}

export interface LaunchRequest {
  /** The instance's own directory, its working directory and all it may read. */
  readonly directory: string;
  /** A line the process wrote to its output or error output, outside any call. */
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
}

export interface Launcher {
  /** Rejects with `unavailable` when there is no process to be had. */
  launch(request: LaunchRequest): Promise<InstanceProcess>;
}

/** A path that can be neither read nor made: Deno would share storage between instances there. */
const NO_DIRECTORY = "/dev/null/none";

/**
 * What each JavaScript instance may do as Deno enforces it, and the settings that keep it small. Its
 * socket and the egress proxy are all it may connect to: no list of forbidden networks could name
 * every form of IPv6.
 */
export function denoArguments(
  bootstrap: string,
  directory: string,
  egressPort: number | null,
): string[] {
  const rehearsal = `${dirname(bootstrap)}/rehearsal`;
  const proxy = egressPort === null ? [] : [`127.0.0.1:${egressPort}`];
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-remote",
    "--no-npm",
    "--no-config",
    "--no-lock",
    "--cached-only",
    "--no-code-cache",
    // A small young generation: memory stays near what is live, at little cost in speed.
    "--v8-flags=--max-semi-space-size=4",
    `--allow-read=${directory},${rehearsal}`,
    `--allow-write=${directory}`,
    `--allow-net=${[`unix:${directory}/socket`, ...proxy].join()}`,
    bootstrap,
  ];
}

/**
 * Deno reads `.npmrc` in HOME, and without HOME would have the C library look up the user, in files
 * and over a socket. Nothing can ever be made below /proc. Each start would ask the network for a
 * newer Deno, and open a socket for that before the one it is allowed.
 */
export const DENO_ENVIRONMENT = {
  DENO_DIR: NO_DIRECTORY,
  HOME: "/proc/none",
  DENO_NO_UPDATE_CHECK: "1",
} as const;

interface DenoLauncherOptions {
  readonly denoPath: string;
  /** Path of the bootstrap module. */
  readonly bootstrap: string;
  /** The egress proxy's port on loopback; `null` for no way out. */
  readonly egressPort: number | null;
}

/** Starts Deno as an ordinary child: its own permissions are all that confines it. */
export class DenoLauncher implements Launcher {
  readonly #options: DenoLauncherOptions;

  constructor(options: DenoLauncherOptions) {
    this.#options = options;
  }

  launch({ directory, onLine }: LaunchRequest): Promise<InstanceProcess> {
    const process = new Deno.Command(this.#options.denoPath, {
      args: denoArguments(this.#options.bootstrap, directory, this.#options.egressPort),
      cwd: directory,
      clearEnv: true,
      env: DENO_ENVIRONMENT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const kill = () => {
      try {
        process.kill("SIGKILL");
      } catch {
        // It is gone already.
      }
    };
    const exited = withLastWords(process.status, process, onLine);
    return Promise.resolve({ pid: process.pid, uid: null, exited, kill, limitMemory: () => {} });
  }
}

/** Passes on what the process writes, and adds the end of it to its exit. */
export async function withLastWords(
  exit: Promise<Omit<ProcessExit, "lastWords">>,
  output: {
    readonly stdout: ReadableStream<Uint8Array>;
    readonly stderr: ReadableStream<Uint8Array>;
  },
  onLine: LaunchRequest["onLine"],
): Promise<ProcessExit> {
  const tail = keepTail();
  const [how] = await Promise.all([
    exit,
    captureLines(output.stdout, (line) => onLine("stdout", line)),
    captureLines(output.stderr, (line) => onLine("stderr", line), tail.add),
  ]);
  return { ...how, lastWords: tail.text() };
}
