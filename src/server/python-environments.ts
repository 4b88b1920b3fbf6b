/** The Python environments of this node, from its settings and what the machine has. */
import { isAbsolute, join } from "node:path";
import { OrlaError } from "../base/errors.ts";
import { defaultEnvironment, type PythonEnvironment } from "../functions/python-environment.ts";
import type { Config } from "./config.ts";

/** Beside those on the PATH, which may be wrappers, or in a home that only its owner may enter. */
const SYSTEM_PYTHONS = ["/usr/bin/python3", "/usr/local/bin/python3"];

const IN_ENVIRONMENT = ["bin/python3", "bin/python"];

export interface EnvironmentSearch {
  readonly config: Pick<Config, "python" | "pythonPreload" | "pythonEnvs">;
  /** Directories apart by colons. */
  readonly path: string;
  /** Instances have users of their own, who must be able to read the interpreter's library. */
  readonly ownUser: boolean;
}

/**
 * The default one first, unless the machine has no Python. Throws `invalid_option` for a configured one
 * that is not there. Nothing is started: whether they work shows when they are first used.
 */
export async function findPythonEnvironments(
  { config, path, ownUser }: EnvironmentSearch,
): Promise<PythonEnvironment[]> {
  const found: PythonEnvironment[] = [];
  const interpreter = config.python === null
    ? await findOnPath(path, ownUser)
    : await interpreterAt(config.python, "ORLA_PYTHON");
  if (interpreter !== null) {
    found.push({ name: defaultEnvironment, interpreter, preload: config.pythonPreload });
  }
  for (const [name, { path, preload }] of Object.entries(config.pythonEnvs)) {
    found.push({
      name,
      interpreter: await interpreterAt(path, `ORLA_PYTHON_ENVS: ${name}`),
      preload: preload ?? config.pythonPreload.map((module) => module.replace(/\??$/, "?")),
    });
  }
  return found;
}

/** A virtual environment's interpreter is a link that must be called by its own name. */
async function interpreterAt(path: string, setting: string): Promise<string> {
  const info = await Deno.stat(path).catch(() => null);
  if (info?.isFile) return path;
  if (info?.isDirectory) {
    for (const name of IN_ENVIRONMENT) {
      if (await isFile(join(path, name))) return join(path, name);
    }
  }
  const why = info === null ? "does not exist" : "is neither an interpreter nor an environment";
  throw new OrlaError("invalid_option", `${setting}: ${path} ${why}`, {
    hint: "`python3 -m venv /opt/ml` makes an environment; name /opt/ml or its bin/python.",
  });
}

async function findOnPath(path: string, ownUser: boolean): Promise<string | null> {
  const directories = path.split(":").filter((directory) => isAbsolute(directory));
  const candidates = directories.map((directory) => join(directory, "python3"));
  for (const candidate of [...candidates, ...SYSTEM_PYTHONS]) {
    if (await isProgram(candidate) && (!ownUser || await isOpenToAll(candidate))) return candidate;
  }
  return null;
}

async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => null))?.isFile === true;
}

/** Not a script: those of version managers need surroundings that are gone when it is started. */
async function isProgram(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(path);
    const start = new Uint8Array(2);
    await file.read(start);
    return new TextDecoder().decode(start) !== "#!";
  } catch {
    return false;
  }
}

const BY_OTHERS = 0o001;

/** Whether every user may enter the directories it really lies in. */
async function isOpenToAll(path: string): Promise<boolean> {
  let place = await Deno.realPath(path);
  while (place !== "/") {
    place = join(place, "..");
    if (((await Deno.stat(place)).mode ?? 0) % 2 !== BY_OTHERS) return false;
  }
  return true;
}
