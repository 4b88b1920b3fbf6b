/**
 * Lets the attacks run under one arrangement and prints what they got, as JSON. A program of its own
 * because some runs are to be another user's.
 *
 *     deno run -A tests/sandbox/attack-run.ts '{"arrangement": {…}, "network": "proxy"}'
 */
import { fileURLToPath } from "node:url";
import { denoRights, findDenoFiles } from "../../src/runtime/confinement/deno-files.ts";
import type { FileRights, Network } from "../../src/runtime/confinement/launcher-messages.ts";
import {
  LauncherProcess,
  type SpawnedProcess,
} from "../../src/runtime/confinement/launcher-process.ts";
import type { Arrangement } from "../../src/runtime/confinement/sandbox-report.ts";
import { pythonFiles } from "./python-files.ts";

export interface AttackRequest {
  readonly arrangement: Arrangement;
  readonly network: "proxy" | "direct" | "none";
}

export interface AttackResult {
  /** Whether the attack got what it wanted. */
  readonly deno: Readonly<Record<string, boolean>>;
  readonly python: Readonly<Record<string, boolean>>;
  readonly uids: readonly (number | null)[];
}

const LIMITS = { openFiles: 128, fileBytes: 4096, threads: 64, memoryBytes: 512 << 20 };

async function run(request: AttackRequest): Promise<AttackResult> {
  const { arrangement, network } = request;
  await using stack = new AsyncDisposableStack();
  const runtimeDir = await Deno.makeTempDir({ prefix: "orla-attack-" });
  stack.defer(() => Deno.remove(runtimeDir, { recursive: true }));
  await Deno.chmod(runtimeDir, 0o711);
  const launcher = stack.use(
    new LauncherProcess({
      runtimeDir,
      uids: arrangement.ownUser ? { first: 200_000, last: 265_535 } : null,
      cgroups: arrangement.cgroup,
      onProblem: (message) => {
        throw new Error(message);
      },
    }),
  );
  const [open, proxy] = [listenTcp(stack), listenTcp(stack)];
  const abstractName = `orla-attack-${crypto.randomUUID()}`;
  stack.use(Deno.listen({ transport: "unix", path: `\0${abstractName}` }));
  const openSocket = `${runtimeDir}/open`;
  stack.use(Deno.listen({ transport: "unix", path: openSocket }));
  await Deno.chmod(openSocket, 0o777);

  const denoPath = Deno.execPath();
  const denoFiles = await findDenoFiles(denoPath);
  const net: Network = network === "proxy" ? { mode: "proxy", ports: [proxy] } : { mode: network };

  const start = async (name: string, program: Program): Promise<SpawnedProcess> => {
    const directory = `${runtimeDir}/${name}`;
    await Deno.mkdir(directory, { mode: 0o700 });
    for (const file of ["started", "secret", "removable", "renamable"]) {
      await Deno.writeTextFile(`${directory}/${file}`, "1234", { mode: 0o600 });
    }
    stack.use(Deno.listen({ transport: "unix", path: `${directory}/socket` }));
    return await launcher.spawn({
      program: program.path,
      argv: [program.path, ...program.args],
      env: { DENO_DIR: "/dev/null/none", HOME: "/proc/none", SECRET: "not for others" },
      directory,
      ownUser: arrangement.ownUser,
      limits: LIMITS,
      files: program.rights(directory),
      network: net,
      confine: arrangement,
    });
  };
  const deno = (args: readonly string[], code: string): Program => ({
    path: denoPath,
    args: ["run", "--quiet", "--no-config", "--no-lock", "-A", "./code.js", ...args],
    rights(directory) {
      Deno.writeTextFileSync(`${directory}/code.js`, code);
      return denoRights(denoFiles, { bootstrap: directory, directory }, net);
    },
  });
  const sibling = await start(
    "sibling",
    deno([], `console.log("up"); setInterval(() => {}, 1e9);`),
  );
  await firstBytes(sibling.stdout);
  const target = {
    parent: Deno.pid,
    sibling: sibling.pid,
    siblingFile: `${runtimeDir}/sibling/secret`,
    runtimeDir,
    source: fileURLToPath(import.meta.url),
    temporaryFile: `/tmp/${abstractName}`,
    uid: Deno.uid(),
    openFiles: LIMITS.openFiles,
    port: open,
    proxyPort: proxy,
    abstractName,
    openSocket,
  };
  stack.defer(() => Deno.remove(target.temporaryFile).catch(() => {}));
  const attacker = await start(
    "attacker",
    deno([JSON.stringify(target)], await read("attacks.js")),
  );
  const byDeno = await outcomes(attacker);
  const files = await pythonFiles();
  const python = await start("python", {
    path: files.interpreter,
    args: ["-I", "-S", "-B", "-c", await read("attacks.py"), JSON.stringify(target)],
    rights: (directory) => ({
      execute: files.execute,
      read: [...files.libraries, directory],
      write: [],
    }),
  });
  const byPython = await outcomes(python);
  sibling.kill();
  await sibling.exited;
  return { deno: byDeno, python: byPython, uids: [sibling.uid, attacker.uid, python.uid] };
}

interface Program {
  readonly path: string;
  readonly args: readonly string[];
  rights(directory: string): FileRights;
}

function listenTcp(stack: AsyncDisposableStack): number {
  return stack.use(Deno.listen({ hostname: "127.0.0.1", port: 0 })).addr.port;
}

function read(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, import.meta.url));
}

async function firstBytes(stream: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel();
}

/** Merges its lines of JSON. */
async function outcomes(process: SpawnedProcess): Promise<Record<string, boolean>> {
  const [stdout, stderr, exit] = await Promise.all([
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
    process.exited,
  ]);
  if (exit.code !== 0 || stderr !== "") {
    throw new Error(`the attacker ended with ${JSON.stringify(exit)}:\n${stdout}\n${stderr}`);
  }
  const lines = stdout.trim().split("\n").map((line): Record<string, boolean> => JSON.parse(line));
  return Object.assign({}, ...lines);
}

if (import.meta.main) {
  const result = await run(JSON.parse(Deno.args[0] ?? ""));
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(result)));
}
