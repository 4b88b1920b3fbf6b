/** The interpreter that confines instances, and those that run functions in Python. */
import { OrlaError } from "../../base/errors.ts";
import type { PythonEnvironment } from "../../functions/python-environment.ts";
import { pythonCandidates } from "../../runtime/confinement/launcher-process.ts";
import type { Config } from "../config.ts";
import { findPythonEnvironments } from "../python-environments.ts";
import { type Check, messageOf, notice, ok, problem } from "./check.ts";

type Version = readonly [major: number, minor: number];

const OLDEST_LAUNCHER: Version = [3, 8];
const OLDEST_FOR_FUNCTIONS: Version = [3, 9];

/** Its version, its path, and which of the modules it has not. */
const TELL = "import sys, importlib.util as u; print('%d.%d.%d' % sys.version_info[:3]); " +
  "print(sys.executable); print(' '.join(m for m in sys.argv[1:] if u.find_spec(m) is None))";

/** Without it nothing is confined by the kernel. */
export async function checkLauncherPython(): Promise<Check> {
  const name = "python3 of the launcher";
  const remedy = "install python3, 3.8 or newer, with its standard library";
  for (const python of pythonCandidates) {
    const told = await ask(python, ["-I", "-S", "-E"]);
    if (told === null) continue;
    return isOlder(told.version, OLDEST_LAUNCHER)
      ? problem(name, `${told.path} is ${told.version}; 3.8 is needed`, remedy)
      : ok(name, `${told.path}, ${told.version}`);
  }
  return problem(name, `none of ${pythonCandidates.join(", ")} starts`, remedy);
}

/** What functions in Python run in. A node may well do without. */
export async function checkPythonEnvironments(config: Config, ownUser: boolean): Promise<Check[]> {
  const name = "Python for functions";
  const remedy = "install python3, 3.9 or newer, or name one with ORLA_PYTHON";
  try {
    const path = Deno.env.get("PATH") ?? "";
    const environments = await findPythonEnvironments({ config, path, ownUser });
    if (environments.length === 0) return [notice(name, "there is none", remedy)];
    return await Promise.all(environments.map(checkEnvironment));
  } catch (thrown) {
    const hint = thrown instanceof OrlaError ? thrown.hint : undefined;
    return [problem(name, messageOf(thrown), hint ?? remedy)];
  }
}

async function checkEnvironment(
  { name: environment, interpreter, preload }: PythonEnvironment,
): Promise<Check> {
  const name = `Python environment ${environment}`;
  const needed = preload.filter((module) => !module.endsWith("?"));
  const told = await ask(interpreter, ["-I"], needed);
  const remedy = "name another with ORLA_PYTHON or ORLA_PYTHON_ENVS";
  if (told === null) return problem(name, `${interpreter} does not start`, remedy);
  const { version, missing } = told;
  if (isOlder(version, OLDEST_FOR_FUNCTIONS)) {
    return problem(name, `${interpreter} is ${version}; functions need 3.9`, remedy);
  }
  return missing === ""
    ? ok(name, `${interpreter}, ${version}`)
    : problem(name, `${interpreter} lacks what is to be preloaded: ${missing}`, "install it there");
}

interface Told {
  readonly version: string;
  readonly path: string;
  readonly missing: string;
}

async function ask(
  python: string,
  flags: readonly string[],
  modules: readonly string[] = [],
): Promise<Told | null> {
  try {
    const { success, stdout } = await new Deno.Command(python, {
      args: [...flags, "-c", TELL, ...modules],
      stdin: "null",
      stderr: "null",
    }).output();
    if (!success) return null;
    const [version = "", path = python, missing = ""] = new TextDecoder().decode(stdout).split(
      "\n",
    );
    return { version, path, missing };
  } catch {
    return null;
  }
}

function isOlder(version: string, [oldestMajor, oldestMinor]: Version): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
