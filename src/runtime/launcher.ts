/**
 * The one place that starts a process. It knows the flags that make Deno a sandbox; which isolation
 * the operating system adds is another launcher behind the same interface.
 */
import { captureLines, keepTail } from "./output-capture.ts";

export interface InstanceProcess {
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<ProcessExit>;
  kill(): void;
}

export interface ProcessExit {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  /** The last of what it wrote to its error output: V8 says there why it gave up. */
  readonly lastWords: string;
}

export interface LaunchRequest {
  /** The instance's own directory, its working directory and all it may read. */
  readonly directory: string;
  /** A line the process wrote to its output or error output, outside any call. */
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
}

export interface Launcher {
  launch(request: LaunchRequest): InstanceProcess;
}

interface DenoLauncherOptions {
  readonly denoPath: string;
  /** Path of the bootstrap module. */
  readonly bootstrap: string;
}

/** Loopback, private, link-local, shared, benchmark, multicast and reserved addresses. */
const DENIED_NETWORKS = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "[::]",
  "[::1]",
];

/** A path that can be neither read nor made: Deno would share storage between instances there. */
const NO_DIRECTORY = "/dev/null/none";

export class DenoLauncher implements Launcher {
  readonly #options: DenoLauncherOptions;

  constructor(options: DenoLauncherOptions) {
    this.#options = options;
  }

  launch({ directory, onLine }: LaunchRequest): InstanceProcess {
    const { denoPath, bootstrap } = this.#options;
    const process = new Deno.Command(denoPath, {
      args: [
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
        `--allow-read=${directory}`,
        `--allow-write=${directory}`,
        "--allow-net",
        `--deny-net=${DENIED_NETWORKS.join()}`,
        bootstrap,
      ],
      cwd: directory,
      clearEnv: true,
      env: { DENO_DIR: NO_DIRECTORY },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const tail = keepTail();
    const output = Promise.all([
      captureLines(process.stdout, (line) => onLine("stdout", line)),
      captureLines(process.stderr, (line) => onLine("stderr", line), tail.add),
    ]);
    const exited = Promise.all([process.status, output]).then(([{ code, signal }]) => ({
      code,
      signal,
      lastWords: tail.text(),
    }));
    return {
      pid: process.pid,
      exited,
      kill: () => {
        try {
          process.kill("SIGKILL");
        } catch {
          // It is gone already.
        }
      },
    };
  }
}
