/** Starts a blank instance: its directory, its socket, its process. */
import { OrlaError } from "../base/errors.ts";
import { removeTree } from "../base/remove-tree.ts";
import { type InstanceProcess, type Launcher, LauncherLost } from "./launcher.ts";

/** Twenty times what it takes on a busy machine. */
const START_TIMEOUT_MS = 20_000;

/** The socket's path must fit `sockaddr_un`, 108 bytes on Linux and 104 on macOS, with its end. */
const MAX_SOCKET_PATH = 103;

export interface StartRequest {
  readonly directory: string;
  readonly launcher: Launcher;
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
  /** Called as soon as the process exists. */
  readonly onSpawn: (process: InstanceProcess) => void;
}

export interface StartedInstance {
  readonly process: InstanceProcess;
  readonly connection: Deno.UnixConn;
}

/** Rejects with `unavailable` when the process dies or does not connect; nothing is left then. */
export async function startInstance(request: StartRequest): Promise<StartedInstance> {
  const { directory, launcher, onLine, onSpawn } = request;
  const path = `${directory}/socket`;
  if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH) {
    throw new OrlaError(
      "internal",
      `the runtime directory's path is too long for sockets: ${path}`,
    );
  }
  const listener = await prepare(directory, path);
  let process: InstanceProcess | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    process = await launcher.launch({ directory, onLine });
    onSpawn(process);
    const connection = await Promise.race([
      listener.accept(),
      process.exited.then(({ code, lastWords, withLauncher }) => {
        if (withLauncher === true) throw new LauncherLost("the instance with it");
        throw new OrlaError("unavailable", `an instance ended at its start (${code})`, {
          detail: lastWords,
        });
      }),
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new OrlaError("unavailable", "an instance did not start in time")),
          START_TIMEOUT_MS,
        );
      }),
    ]);
    return { process, connection };
  } catch (error) {
    process?.kill();
    await process?.exited;
    await removeTree(directory);
    throw error;
  } finally {
    clearTimeout(timer);
    listener.close();
    await Deno.remove(path).catch(() => {});
  }
}

async function prepare(directory: string, socket: string): Promise<Deno.UnixListener> {
  try {
    await Deno.mkdir(directory, { mode: 0o700 });
    await Deno.writeFile(`${directory}/started`, new Uint8Array(4), { mode: 0o600 });
    return Deno.listen({ transport: "unix", path: socket });
  } catch (cause) {
    await removeTree(directory);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OrlaError("unavailable", "an instance's directory cannot be made", {
      cause,
      detail: why,
    });
  }
}
