/** What CPython needs to start, as the system's loader and the interpreter itself tell. */
export interface PythonFiles {
  readonly interpreter: string;
  readonly execute: readonly string[];
  /** Shared libraries and the standard library. */
  readonly libraries: readonly string[];
}

const PROGRAM = `
import ctypes, os, sys
print(os.path.realpath(sys.executable))
print(os.path.dirname(os.__file__))
for line in open("/proc/self/maps"):
    path = line.split()[-1]
    if path.startswith("/"):
        print(os.path.realpath(path))
`;

export async function pythonFiles(): Promise<PythonFiles> {
  const { stdout } = await new Deno.Command("/usr/bin/python3", {
    args: ["-I", "-S", "-c", PROGRAM],
  }).output();
  const [interpreter = "", library = "", ...mapped] = new TextDecoder().decode(stdout).trim()
    .split("\n");
  const loader = mapped.filter((path) => /\/ld[-\w.]*\.so/.test(path));
  return {
    interpreter,
    execute: [interpreter, ...loader],
    libraries: [library, ...new Set(mapped), "/etc/ld.so.cache"],
  };
}
