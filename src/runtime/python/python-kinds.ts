/**
 * The kinds of instances that run Python: one for each configured environment, all forked from that
 * environment's zygote, which starts when the first function needs it. A function with FILES cannot use
 * an instance that was confined before they were known, so its instances are forked when it is called.
 */
import { OrlaError } from "../../base/errors.ts";
import type { FunctionVersion } from "../../functions/function.ts";
import { type FunctionFile, resolveFiles } from "../../functions/function-files.ts";
import {
  findPythonEnvironment,
  type PythonEnvironment,
} from "../../functions/python-environment.ts";
import type { Network } from "../confinement/launcher-messages.ts";
import { LauncherProcess } from "../confinement/launcher-process.ts";
import type { Arrangement } from "../confinement/sandbox-report.ts";
import type { InstanceKind, InstanceKinds } from "../instance-kind.ts";
import type { Launcher } from "../launcher.ts";
import { PythonLauncher } from "./python-launcher.ts";
import { SCRATCH_BYTES } from "./scratch.ts";

export interface PythonKindsOptions {
  readonly environments: readonly PythonEnvironment[];
  /** Throws where Python functions are not to run on this node. */
  readonly check: () => void;
  readonly arrangement: Arrangement;
  /** User ids that no other launcher gives to its instances. */
  readonly uids: { readonly first: number; readonly last: number };
  readonly network: Network;
  /** A directory of ours alone, with a short path. */
  readonly runtimeDir: string;
  readonly filesDir: string | null;
  /** Blank instances kept ready, of each environment that is in use. */
  readonly poolSize: number;
  readonly log: { warn(message: string): void };
}

export class PythonKinds implements InstanceKinds, AsyncDisposable {
  readonly #options: PythonKindsOptions;
  readonly #zygotes = new Map<string, LauncherProcess>();

  constructor(options: PythonKindsOptions) {
    this.#options = options;
  }

  kindOf({ language, options: { pythonEnv, files } }: FunctionVersion): InstanceKind | undefined {
    if (language !== "python") return undefined;
    const { environments, check, filesDir, arrangement: { ownUser }, poolSize } = this.#options;
    check();
    const environment = findPythonEnvironment(environments, pythonEnv);
    const hasFiles = files.length > 0;
    return {
      name: `python:${environment.name}${hasFiles ? JSON.stringify(files) : ""}`,
      launcher: this.#launcher(
        environment,
        () => resolveFiles(filesDir, files, { forEveryUser: ownUser }),
      ),
      poolSize: hasFiles ? 0 : poolSize,
      maxFileBytes: SCRATCH_BYTES,
      hasScratch: true,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#zygotes].map(async ([name, zygote]) => {
        await zygote[Symbol.asyncDispose]();
        await Deno.remove(this.#directory(name), { recursive: true });
      }),
    );
  }

  #launcher(
    environment: PythonEnvironment,
    files: () => Promise<readonly FunctionFile[]>,
  ): Launcher {
    const { network, arrangement } = this.#options;
    const zygote = this.#zygote(environment);
    const { ownUser } = arrangement;
    return new PythonLauncher({ zygote, network, ownUser, confine: arrangement, files });
  }

  #zygote(environment: PythonEnvironment): LauncherProcess {
    const { name, interpreter, preload } = environment;
    let zygote = this.#zygotes.get(name);
    if (zygote === undefined) {
      const { log } = this.#options;
      const runtimeDir = this.#directory(name);
      Deno.mkdirSync(runtimeDir, { mode: 0o700 });
      zygote = new LauncherProcess({
        pythons: [interpreter],
        zygote: { preload },
        runtimeDir,
        uids: this.#uidsOf(name),
        cgroups: this.#options.arrangement.cgroup,
        onProblem: (message) => log.warn(`Python environment ${name}: ${message}`),
      });
      this.#zygotes.set(name, zygote);
    }
    return zygote;
  }

  #directory(environment: string): string {
    const index = this.#options.environments.findIndex(({ name }) => name === environment);
    return `${this.#options.runtimeDir}/z${index}`;
  }

  /** Zygotes know nothing of each other, and no two instances may have the same user. */
  #uidsOf(environment: string): { first: number; last: number } | null {
    const { arrangement, environments, uids: { first, last } } = this.#options;
    if (!arrangement.ownUser) return null;
    const share = Math.floor((last - first + 1) / environments.length);
    const index = environments.findIndex(({ name }) => name === environment);
    return { first: first + index * share, last: first + (index + 1) * share - 1 };
  }
}

/** Why Python functions are not run here, below the level at which the kernel keeps them in. */
export function unconfinedPython(missing: readonly { what: string; why: string }[]): OrlaError {
  const [first] = missing;
  return new OrlaError(
    "not_supported",
    "Python functions are not run on this machine: nothing would keep them from its files and processes" +
      (first === undefined ? "" : ` (not enforced: ${first.what}; ${first.why})`),
    {
      hint:
        "`orla doctor` tells how to get what is missing. For code that you trust as yourself, " +
        "start the node with ORLA_PYTHON_UNCONFINED=true.",
    },
  );
}
