import { dirname } from "node:path";
import {
  DENO_ENVIRONMENT,
  denoArguments,
  type InstanceProcess,
  type Launcher,
  type LaunchRequest,
} from "../launcher.ts";
import { MAX_FILE_BYTES, MAX_OPEN_FILES } from "../limits.ts";
import { type DenoFiles, denoRights } from "./deno-files.ts";
import type { Confinement, Network } from "./launcher-messages.ts";
import { instanceProcess, type LauncherProcess } from "./launcher-process.ts";

/** Deno starts with four and adds one for each file or name being waited for, 32 at most. */
const MAX_THREADS = 64;

/** What a cgroup counts beside the function's own memory: Deno, its buffers, pages of files. */
const BLANK_MEMORY_BYTES = 128 << 20;

export interface ConfinedLauncherOptions {
  readonly launcher: LauncherProcess;
  readonly denoPath: string;
  readonly denoFiles: DenoFiles;
  /** The main module, alone with what it imports in a directory that everybody may read. */
  readonly bootstrap: string;
  /** The egress proxy's port on loopback; `null` for no way out. */
  readonly egressPort: number | null;
  readonly ownUser: boolean;
  readonly confine: Confinement;
}

/** Starts Deno with what the operating system adds to its own permissions. */
export class ConfinedLauncher implements Launcher {
  readonly #options: ConfinedLauncherOptions;

  constructor(options: ConfinedLauncherOptions) {
    this.#options = options;
  }

  async launch({ directory, onLine }: LaunchRequest): Promise<InstanceProcess> {
    const { launcher, denoPath, denoFiles, bootstrap, egressPort, ownUser, confine } =
      this.#options;
    const network: Network = egressPort === null
      ? { mode: "none" }
      : { mode: "proxy", ports: [egressPort] };
    const process = await launcher.spawn({
      program: denoPath,
      argv: [denoPath, ...denoArguments(bootstrap, directory, egressPort)],
      env: DENO_ENVIRONMENT,
      directory,
      ownUser,
      limits: {
        openFiles: MAX_OPEN_FILES,
        fileBytes: MAX_FILE_BYTES,
        threads: MAX_THREADS,
        memoryBytes: null,
      },
      files: denoRights(denoFiles, { bootstrap: dirname(bootstrap), directory }, network),
      network,
      confine,
    });
    return instanceProcess(process, onLine, BLANK_MEMORY_BYTES);
  }
}
