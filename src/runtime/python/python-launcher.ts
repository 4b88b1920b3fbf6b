import type { FunctionFile } from "../../functions/function-files.ts";
import type { Confinement, Network } from "../confinement/launcher-messages.ts";
import { instanceProcess, type LauncherProcess } from "../confinement/launcher-process.ts";
import { type InstanceProcess, type Launcher, type LaunchRequest } from "../launcher.ts";
import { MAX_OPEN_FILES } from "../limits.ts";
import { SCRATCH_BYTES } from "./scratch.ts";

/** One for the channel, one for each of the calls that run at the same time, those a call starts. */
const MAX_THREADS = 128;

/** What a cgroup counts beside the function's own memory: what the zygote shares with its instances. */
const BLANK_MEMORY_BYTES = 64 << 20;

export interface PythonLauncherOptions {
  readonly zygote: LauncherProcess;
  readonly network: Network;
  readonly ownUser: boolean;
  readonly confine: Confinement;
  /** What instances may read beside the interpreter's library. */
  readonly files: () => Promise<readonly FunctionFile[]>;
}

/** Forks instances of one Python environment. */
export class PythonLauncher implements Launcher {
  readonly #options: PythonLauncherOptions;

  constructor(options: PythonLauncherOptions) {
    this.#options = options;
  }

  async launch({ directory, onLine }: LaunchRequest): Promise<InstanceProcess> {
    const { zygote, network, ownUser, confine } = this.#options;
    const files = await this.#options.files();
    const process = await zygote.spawn({
      python: {
        links: Object.fromEntries(files.map(({ name, path }) => [name, path])),
        options: {},
      },
      env: {},
      directory,
      ownUser,
      limits: {
        openFiles: MAX_OPEN_FILES,
        fileBytes: SCRATCH_BYTES,
        threads: MAX_THREADS,
        memoryBytes: null,
      },
      files: { execute: [], read: [directory, ...files.map(({ path }) => path)], write: [] },
      network,
      confine,
    });
    return instanceProcess(process, onLine, BLANK_MEMORY_BYTES);
  }
}
