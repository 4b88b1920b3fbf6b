/**
 * A whole Orla for tests: the real `bin/orla start` as a process, on free ports, with a data directory
 * of its own.
 *
 *     await using orla = await startOrlaProcess();
 *     const answer = await fetch(`${orla.http}/functions/v1/f`, { headers: { apikey: orla.anonKey } });
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readStateFile, stateFilePath } from "../src/server/state-file.ts";

export const orlaProgram = fileURLToPath(new URL("../bin/orla", import.meta.url));

export interface OrlaProcessOptions {
  /** Beside the free ports and the data directory; `ORLA_` variables of the test's own are not passed. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Kept at the end when given; otherwise a temporary one. */
  readonly dataDir?: string;
  /** Runs the command as another user, such as `["setpriv", "--reuid=65534", …]`. */
  readonly prefix?: readonly string[];
  /** What the process starts in; the data directory's parent without it. */
  readonly cwd?: string;
}

export interface OrlaProcess extends AsyncDisposable {
  readonly pid: number;
  /** Base URL. */
  readonly http: string;
  /** Through the SQL gateway. */
  readonly sqlUrl: string;
  /** To Postgres itself. */
  readonly databaseUrl: string;
  readonly serviceKey: string;
  readonly anonKey: string;
  readonly dataDir: string;
  /** From spawn to the state file. */
  readonly startMs: number;
  /** Everything written so far, both streams. */
  logs(): string;
  /** Sends the signal and waits for the end. */
  stop(signal?: Deno.Signal): Promise<Deno.CommandStatus>;
  readonly status: Promise<Deno.CommandStatus>;
}

/** First starts take about a second on two busy cores; a minute means that it hangs. */
const START_DEADLINE_MS = 60_000;

export async function startOrlaProcess(options: OrlaProcessOptions = {}): Promise<OrlaProcess> {
  const home = await Deno.makeTempDir({ prefix: "orla-test-" });
  await Deno.chmod(home, 0o777);
  const dataDir = options.dataDir ?? join(home, "data");
  const startedAt = performance.now();
  const child = spawnOrla(["start", ...options.args ?? []], {
    ...options,
    cwd: options.cwd ?? home,
    env: {
      ORLA_HTTP_PORT: "0",
      ORLA_SQL_PORT: "0",
      ORLA_DATA_DIR: dataDir,
      ...options.env,
    },
  });
  const output = gather(child);
  const removeHome = () => Deno.remove(home, { recursive: true });
  const ready = output.includes("is ready");
  const ended = child.status.then(async ({ code }) => {
    await output.finished;
    throw new Error(`orla start ended with code ${code}:\n${output.text()}`);
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`orla start takes too long:\n${output.text()}`)),
      START_DEADLINE_MS,
    );
  });
  try {
    await Promise.race([ready, ended, late]);
  } catch (thrown) {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await child.status;
    await removeHome();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
  // From now on its end is no failure of the start.
  ended.catch(() => {});
  const startMs = performance.now() - startedAt;
  const state = await readStateFile(dataDir);
  if (state === null) throw new Error(`no ${stateFilePath(dataDir)}`);

  let stopping: Promise<Deno.CommandStatus> | undefined;
  const stop = (signal: Deno.Signal = "SIGTERM") =>
    stopping ??= (async () => {
      try {
        child.kill(signal);
      } catch {
        // It has ended already, as a test may want.
      }
      const status = await child.status;
      await output.finished;
      return status;
    })();
  return {
    pid: child.pid,
    http: state.http,
    sqlUrl: state.sql,
    databaseUrl: state.databaseUrl,
    serviceKey: state.serviceKey,
    anonKey: state.anonKey,
    dataDir,
    startMs,
    logs: output.text,
    stop,
    status: child.status,
    async [Symbol.asyncDispose]() {
      await stop();
      await removeHome();
    },
  };
}

export interface RanOrla {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly prefix?: readonly string[];
}

/** Runs one `orla` command to its end. */
export async function runOrla(
  args: readonly string[],
  options: RunOptions = {},
): Promise<RanOrla> {
  const { stdin, ...spawn } = options;
  const child = spawnOrla(args, { cwd: "/", ...spawn, hasInput: stdin !== undefined });
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly prefix?: readonly string[];
  readonly hasInput?: boolean;
}

function spawnOrla(
  args: readonly string[],
  { env, cwd, prefix = [], hasInput = false }: SpawnOptions,
) {
  const [program = orlaProgram, ...rest] = [...prefix, orlaProgram, ...args];
  return new Deno.Command(program, {
    args: rest,
    cwd,
    clearEnv: true,
    env: { ...inherited(), ...env },
    stdin: hasInput ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Enough to find programs and caches; nothing that configures Orla. */
function inherited(): Record<string, string> {
  const env = Deno.env.toObject();
  return Object.fromEntries(
    ["PATH", "HOME", "DENO_DIR", "LANG", "TMPDIR"].flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function gather(child: Deno.ChildProcess) {
  let text = "";
  const waiting: { readonly word: string; readonly found: () => void }[] = [];
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true });
      for (const { word, found } of waiting) if (text.includes(word)) found();
    }
  };
  const finished = Promise.all([read(child.stdout), read(child.stderr)]);
  return {
    text: () => text,
    finished,
    includes: (word: string) =>
      new Promise<void>((resolve) => {
        if (text.includes(word)) resolve();
        else waiting.push({ word, found: resolve });
      }),
  };
}
