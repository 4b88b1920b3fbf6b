import type { FileRights, Network } from "./launcher-messages.ts";

/**
 * What Deno needs of the file system, found by taking away one thing after another (Deno 2.9, glibc
 * 2.36). Without urandom V8 would seed `Math.random` from the clock; without statm
 * `Deno.memoryUsage()` says zero. The loader's cache is only needed where libraries lie in
 * unusual places. Without its own map V8 takes 2.2 MB more. Certificates are built in.
 */
const READ = ["/etc/ld.so.cache", "/dev/urandom", "/proc/self/statm", "/proc/self/maps"];

/** For the C library to resolve names; a proxy does that for its clients. */
const READ_FOR_NAMES = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];

export interface DenoFiles {
  /** The program and the loader that the kernel starts it with. */
  readonly execute: readonly string[];
  readonly libraries: readonly string[];
}

/** Asks the system's loader, which lists what it would load instead of starting the program. */
export async function findDenoFiles(denoPath: string): Promise<DenoFiles> {
  const { stdout } = await new Deno.Command(denoPath, {
    clearEnv: true,
    env: { LD_TRACE_LOADED_OBJECTS: "1" },
    stdin: "null",
    stderr: "null",
  }).output();
  const execute = [denoPath];
  const libraries: string[] = [];
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const library = /=> (\/.*) \(0x/.exec(line)?.[1];
    const loader = /^\s*(\/.*) \(0x/.exec(line)?.[1];
    if (library !== undefined) libraries.push(library);
    else if (loader !== undefined) execute.push(loader);
  }
  return { execute, libraries };
}

export interface InstancePaths {
  readonly bootstrap: string;
  readonly directory: string;
}

/** The rights of one instance. It can make no file anywhere. */
export function denoRights(
  { execute, libraries }: DenoFiles,
  { bootstrap, directory }: InstancePaths,
  network: Network,
): FileRights {
  const names = network.mode === "direct" ? READ_FOR_NAMES : [];
  return {
    execute,
    read: [...libraries, ...READ, ...names, bootstrap, directory],
    // Four bytes that say which call was started last.
    write: [`${directory}/started`],
  };
}
