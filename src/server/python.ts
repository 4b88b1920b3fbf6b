/** What a node has for functions in Python: instances to run them, and a compiler to read them. */
import type { Logger } from "../base/log.ts";
import { PythonCompiler } from "../functions/compile-python.ts";
import type { ChosenLauncher } from "../runtime/confinement/choose-launcher.ts";
import type { Network } from "../runtime/confinement/launcher-messages.ts";
import { PythonKinds, unconfinedPython } from "../runtime/python/python-kinds.ts";
import type { Config } from "./config.ts";
import { findPythonEnvironments } from "./python-environments.ts";

export interface PythonParts {
  readonly config: Config;
  readonly chosen: ChosenLauncher;
  readonly network: Network;
  readonly runtimeDir: string;
  readonly log: Logger;
}

export interface Python extends AsyncDisposable {
  readonly kinds: PythonKinds;
  readonly compiler: PythonCompiler;
}

/** Below it nothing keeps Python in. */
const LEVEL_WITH_WALLS = 1;

export async function openPython(
  { config, chosen, network, runtimeDir, log }: PythonParts,
): Promise<Python> {
  const { arrangement, report, otherUids } = chosen;
  const { filesDir } = config;
  const { ownUser } = arrangement;
  const path = Deno.env.get("PATH") ?? "";
  const environments = await findPythonEnvironments({ config, path, ownUser });
  const { level, missing } = report.python;
  const check = () => {
    if (level < LEVEL_WITH_WALLS && !config.pythonUnconfined) throw unconfinedPython(missing);
  };
  const kinds = new PythonKinds({
    ...{ environments, check, arrangement, network, runtimeDir, filesDir, log },
    uids: otherUids,
    poolSize: config.blankProcesses,
  });
  const compiler = new PythonCompiler({ environments, check, filesDir, ownUser });
  return {
    kinds,
    compiler,
    async [Symbol.asyncDispose]() {
      await Promise.all([kinds[Symbol.asyncDispose](), compiler[Symbol.asyncDispose]()]);
    },
  };
}
