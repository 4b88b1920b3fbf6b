/** The interpreter that confines instances, and runs functions in Python. */
import { pythonCandidates } from "../../runtime/confinement/launcher-process.ts";
import { type Check, ok, problem } from "./check.ts";

const NAME = "python3";
const OLDEST = [3, 8] as const;
const INSTALL = "install python3, 3.8 or newer, with its standard library";

const TELL = "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.executable)";

/** Without it nothing is confined by the kernel. */
export async function checkPython(): Promise<Check> {
  for (const python of pythonCandidates) {
    const told = await ask(python);
    if (told === null) continue;
    const [version = "", path = python] = told.split(" ");
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
    return isOld
      ? problem(NAME, `${path} is ${version}; ${OLDEST.join(".")} is needed`, INSTALL)
      : ok(NAME, `${path}, ${version}`);
  }
  return problem(NAME, `none of ${pythonCandidates.join(", ")} starts`, INSTALL);
}

async function ask(python: string): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(python, {
      args: ["-I", "-S", "-E", "-c", TELL],
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch {
    return null;
  }
}
