/** The launcher process: what it starts, what it tells of it, and whose death is whose. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { eventually, listProcesses } from "../processes.ts";
import { findDenoFiles } from "../../src/runtime/confinement/deno-files.ts";
import {
  LauncherProcess,
  type LauncherProcessOptions,
  type SpawnedProcess,
  type SpawnRequest,
} from "../../src/runtime/confinement/launcher-process.ts";
import { createLimiter } from "../../src/runtime/create-limiter.ts";

const isLinux = Deno.build.os === "linux";
const isRoot = isLinux && Deno.uid() === 0;
const uids = { first: 210_000, last: 210_999 };
const MB = 1 << 20;

function test(name: string, when: boolean, run: () => Promise<void>): void {
  const reason = when ? "" : " (skipped: needs Linux, perhaps root)";
  Deno.test({ name: `launcher: ${name}${reason}`, ignore: !when, fn: run });
}

class Rig implements AsyncDisposable {
  readonly problems: string[] = [];
  /** Of directories made for processes. */
  count = 0;

  private constructor(readonly launcher: LauncherProcess, readonly directory: string) {}

  static async start(options: Partial<LauncherProcessOptions> = {}): Promise<Rig> {
    const runtimeDir = await Deno.makeTempDir({ prefix: "orla-launcher-" });
    await Deno.chmod(runtimeDir, 0o711);
    const launcher = new LauncherProcess({
      runtimeDir,
      uids: isRoot ? uids : null,
      cgroups: false,
      onProblem: (message) => void rig.problems.push(message),
      ...options,
    });
    const rig = new Rig(launcher, runtimeDir);
    return rig;
  }

  /** Runs JavaScript with all of Deno's permissions. */
  async run(code: string, changes: Partial<SpawnRequest> = {}): Promise<SpawnedProcess> {
    const directory = `${this.directory}/${++this.count}`;
    await Deno.mkdir(directory, { mode: 0o700 });
    await Deno.writeTextFile(`${directory}/code.js`, code);
    const program = Deno.execPath();
    const { execute, libraries } = await findDenoFiles(program);
    return await this.launcher.spawn({
      program,
      argv: [program, "run", "--quiet", "--no-config", "--no-lock", "-A", "./code.js"],
      env: { DENO_DIR: "/dev/null/none", HOME: "/proc/none" },
      directory,
      ownUser: isRoot,
      limits: { openFiles: 64, fileBytes: 4096, threads: 64, memoryBytes: null },
      files: { execute, read: [...libraries, directory], write: [directory] },
      network: { mode: "none" },
      confine: { landlock: true, seccomp: true },
      ...changes,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.launcher[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

async function finish(process: SpawnedProcess) {
  const [stdout, stderr, exit] = await Promise.all([
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
    process.exited,
  ]);
  return { stdout, stderr, ...exit };
}

/** For processes that are to be killed. */
async function discard(process: SpawnedProcess): Promise<void> {
  await Promise.all([process.stdout.cancel(), process.stderr.cancel()]);
}

async function isAlive(pid: number): Promise<boolean> {
  return (await listProcesses()).some((process) => process.pid === pid);
}

test("passes on output, error output and exit code, for many at once", isLinux, async () => {
  await using rig = await Rig.start();
  const processes = await Promise.all(
    [1, 2, 3, 4, 5].map((n) =>
      rig.run(`console.log("out", ${n}); console.error("err", ${n}); Deno.exit(${n});`)
    ),
  );
  const ends = await Promise.all(processes.map(finish));
  deepEqual(
    ends,
    [1, 2, 3, 4, 5].map((n) => ({
      stdout: `out ${n}\n`,
      stderr: `err ${n}\n`,
      code: n,
      signal: null,
    })),
  );
  equal(new Set(processes.map(({ pid }) => pid)).size, 5);
});

test("tells the signal that ended a process", isLinux, async () => {
  await using rig = await Rig.start();
  const process = await rig.run(`setInterval(() => {}, 1e9);`);
  process.kill();
  const { code, signal } = await finish(process);
  deepEqual([code, signal], [137, "SIGKILL"]);
});

test("says which step failed, and goes on", isLinux, async () => {
  await using rig = await Rig.start();
  await rejects(rig.run("", { program: "/nowhere/deno" }), {
    code: "unavailable",
    message: /cannot open the program: .*No such file/,
  });
  await rejects(rig.run("", { files: { execute: [], read: [], write: [] } }), {
    message: /cannot execute .*Permission denied/,
  });
  const { stdout } = await finish(await rig.run(`console.log("well")`));
  equal(stdout, "well\n");
});

test(
  "an instance has only its environment, its limits and its three streams",
  isLinux,
  async () => {
    await using rig = await Rig.start();
    const process = await rig.run(
      `const limits = Deno.readTextFileSync("/proc/self/limits");
     const soft = (name) => new RegExp(name + " +([^ ]+)").exec(limits)[1];
     console.log(JSON.stringify({
       env: Deno.env.toObject(),
       files: soft("Max open files"), size: soft("Max file size"), core: soft("Max core file size"),
       score: Deno.readTextFileSync("/proc/self/oom_score_adj").trim(),
       status: Deno.readTextFileSync("/proc/self/status"),
       session: Deno.readTextFileSync("/proc/self/stat").split(") ")[1].split(" ")[3],
     }));`,
      { confine: { landlock: false, seccomp: true } },
    );
    const { stdout, stderr } = await finish(process);
    equal(stderr, "");
    const { status, session, ...rest } = JSON.parse(stdout);
    deepEqual(rest, {
      env: { DENO_DIR: "/dev/null/none", HOME: "/proc/none" },
      files: "64",
      size: "4096",
      core: "0",
      score: "700",
    });
    equal(Number(session), process.pid);
    match(status, /NoNewPrivs:\s1/);
    match(status, /Seccomp:\s2/);
    match(status, /CapEff:\s0+\n/);
    if (isRoot) {
      equal(process.uid !== null && process.uid >= uids.first, true);
      match(status, new RegExp(`Uid:(\\s${process.uid}){4}\\n`));
      match(status, new RegExp(`Gid:(\\s${process.uid}){4}\\n`));
      match(status, /Groups:\s*\n/);
    }
  },
);

test("no two living processes have one user", isRoot, async () => {
  await using rig = await Rig.start({ uids: { first: 211_000, last: 211_001 } });
  const both = [
    await rig.run(`setInterval(() => {}, 1e9)`),
    await rig.run(`setInterval(() => {}, 1e9)`),
  ];
  deepEqual(both.map(({ uid }) => uid).sort(), [211_000, 211_001]);
  await rejects(rig.run(""), { message: /every user id from 211000 to 211001 is in use/ });
  const [first] = both;
  ok(first);
  first.kill();
  await first.exited;
  const next = await rig.run(`setInterval(() => {}, 1e9)`);
  equal(next.uid, first.uid);
  await Promise.all([...both, next].map(discard));
});

test("its end is the end of all it launched", isLinux, async () => {
  const rig = await Rig.start();
  const process = await rig.run(`setInterval(() => {}, 1e9);`);
  await discard(process);
  await rig[Symbol.asyncDispose]();
  equal(await isAlive(process.pid), false);
  deepEqual(rig.problems, []);
});

test(
  "killed, it takes its children along, and the next launch starts another",
  isLinux,
  async () => {
    await using rig = await Rig.start();
    const pid = await rig.launcher.start();
    const process = await rig.run(`setInterval(() => {}, 1e9);`);
    Deno.kill(pid, "SIGKILL");
    const { signal } = await finish(process);
    equal(signal, "SIGKILL");
    await eventually(async () => !await isAlive(process.pid), 5_000, "the child dies");
    const { stdout } = await finish(await rig.run(`console.log("again")`));
    equal(stdout, "again\n");
    equal(await rig.launcher.start() !== pid, true);
    equal(rig.problems.length, 1);
  },
);

test("the supervisor's death, even by SIGKILL, is the end of all", isLinux, async () => {
  const directory = await Deno.makeTempDir({ prefix: "orla-launcher-" });
  const source = new URL("../../src/runtime/confinement/launcher-process.ts", import.meta.url);
  const supervisor = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `const { LauncherProcess } = await import(${JSON.stringify(source.href)});
       const launcher = new LauncherProcess({
         runtimeDir: ${JSON.stringify(directory)}, uids: null, cgroups: false, onProblem() {},
       });
       const process = await launcher.spawn({
         program: "/bin/sleep", argv: ["sleep", "1000"], env: {}, directory: "/", ownUser: false,
         limits: { openFiles: 64, fileBytes: 4096, threads: 64, memoryBytes: null },
         files: { execute: [], read: [], write: [] }, network: { mode: "none" },
         confine: { landlock: false, seccomp: true },
       });
       console.log(JSON.stringify([await launcher.start(), process.pid]));`,
    ],
    cwd: new URL("../..", import.meta.url),
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = supervisor.stdout.getReader();
  const { value } = await reader.read();
  const pids: number[] = JSON.parse(new TextDecoder().decode(value));
  equal(pids.length, 2);
  for (const pid of pids) equal(await isAlive(pid), true);
  supervisor.kill("SIGKILL");
  await supervisor.status;
  await reader.cancel();
  for (const pid of pids) await eventually(async () => !await isAlive(pid), 5_000, `${pid} dies`);
  await Deno.remove(directory, { recursive: true });
});

test("where no interpreter runs it, every launch says so", isLinux, async () => {
  await using rig = await Rig.start({ pythons: ["/nowhere/python3", "/bin/false"] });
  await rejects(rig.launcher.start(), {
    code: "unavailable",
    message: /nowhere\/python3: .*; \/bin\/false: exit code 1/,
  });
});

test("another user's memory can be limited without the capability for it", isRoot, async () => {
  await using rig = await Rig.start();
  using limiter = createLimiter();
  const hog = async (limit: boolean) => {
    const process = await rig.run(
      `const kept = [];
       console.log("up");
       while (![...Deno.readDirSync(".")].some(({ name }) => name === "go")) {
         await new Promise((resolve) => setTimeout(resolve, 5));
       }
       while (kept.length < 64) kept.push(new Uint8Array(${4 * MB}).fill(1));
       console.log("has it all");`,
      { limits: { openFiles: 256, fileBytes: 4096, threads: 64, memoryBytes: null } },
    );
    const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    equal((await output.read()).value, "up\n");
    if (limit) limiter.limitMemory(process.pid, 64);
    limiter.limitBlank(process.pid, 4096);
    await Deno.writeTextFile(`${rig.directory}/${rig.count}/go`, "");
    const [{ value }, stderr] = await Promise.all([
      output.read(),
      new Response(process.stderr).text(),
    ]);
    await output.cancel();
    return value ?? stderr;
  };
  equal(await hog(false), "has it all\n");
  match(await hog(true), /RangeError|out of memory/);
  equal(Deno.uid(), 0);
});
