/** Python functions in forked instances: how they start, what holds them, and whose death is whose. */
import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { eventually, listProcesses } from "../processes.ts";
import type { FunctionVersion } from "../../src/functions/function.ts";
import { probeSandbox } from "../../src/runtime/confinement/probe-sandbox.ts";
import { unconfinedPython } from "../../src/runtime/python/python-kinds.ts";
import { startRig, test as runtimeTest, version } from "../runtime/rig.ts";

const log = { warn: () => {} };
const { level } = (await probeSandbox({ denoPath: Deno.execPath(), log })).python;
const isConfinable = level >= 1;
const isRoot = level >= 2;
const MB = 1 << 20;

function test(name: string, run: () => Promise<void>, when = isConfinable): void {
  if (when) runtimeTest(`python: ${name}`, run);
  else Deno.test({ name: `python: ${name} (skipped: no kernel walls)`, ignore: true, fn: run });
}

function python(code: string, input: Parameters<typeof version>[1] = {}): FunctionVersion {
  return { ...version(code, input), language: "python", versionId: crypto.randomUUID() };
}

/** Runs each in the function, and says what came of it: `denied` for an OSError. */
function attempts(lines: Readonly<Record<string, string>>): string {
  const tries = Object.entries(lines).map(([name, code]) => `    "${name}": lambda: ${code},`);
  return `
import ctypes, mmap, os, resource, signal, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
def tried(run):
    try:
        run()
        return "done"
    except (OSError, ValueError):
        return "denied"
def main(target):
    return {name: tried(run) for name, run in {
${tries.join("\n")}
    }.items()}
`;
}

async function isAlive(pid: number): Promise<boolean> {
  return (await listProcesses()).some((process) => process.pid === pid);
}

/** The launcher, and the zygotes. */
async function launchers(): Promise<number> {
  const all = await listProcesses();
  const isOurs = ({ parent, command }: typeof all[number]) =>
    parent === Deno.pid && command.includes("launcher/main.py");
  return all.filter(isOurs).length;
}

test("a function answers, cold and warm, and its instance is a fork of the zygote", async () => {
  await using rig = await startRig({ python: {} });
  const fn = python(`
import os
count = 0
def main(payload):
    global count
    count += 1
    return {"hello": payload["name"], "count": count, "parent": os.getppid(), "uid": os.getuid()}
`);
  const first = await rig.payload(fn, { name: "Ann" }) as Record<string, unknown>;
  const second = await rig.payload(fn, { name: "Bob" }) as Record<string, unknown>;
  deepEqual([first["hello"], first["count"]], ["Ann", 1]);
  deepEqual([second["hello"], second["count"], second["parent"]], ["Bob", 2, first["parent"]]);
  if (isRoot) ok(Number(first["uid"]) > 200_000);
  deepEqual(rig.warnings, []);
});

test("what a fork inherits is put away: descriptors, environment, modules, random numbers", async () => {
  await using rig = await startRig({ python: { poolSize: 2 } });
  const code = `
import gc, os, random, sys, tempfile
def main(_):
    opened = []
    for number in range(256):
        try:
            os.fstat(number)
            opened.append(number)
        except OSError:
            pass
    return {"opened": len(opened), "environ": dict(os.environ), "argv": sys.argv,
      "path": [p for p in sys.path if "launcher" in p],
      "modules": [m for m in sys.modules if m in ("child", "gate", "kernel", "landlock", "zygote")],
      "main": vars(sys.modules["__main__"]) is globals(), "random": random.random(), "gc": gc.isenabled(),
      "temporary": os.path.realpath(tempfile.gettempdir()) == os.getcwd()}
`;
  const results = [];
  for (const fn of [python(code), python(code)]) {
    results.push(await rig.payload(fn) as Record<string, unknown>);
  }
  for (const { opened, environ, random: _, ...rest } of results) {
    // Three streams, the channel, the file \`started\`; beside what the loop of the instance may hold.
    ok(Number(opened) <= 8, `${opened} descriptors`);
    deepEqual(Object.keys(environ as object).sort(), ["HOME", "TMPDIR"]);
    deepEqual(rest, {
      argv: [""],
      path: [],
      modules: [],
      main: true,
      gc: true,
      temporary: true,
    });
  }
  equal(new Set(results.map(({ random }) => random)).size, 2);
});

test("nothing of the machine can be reached", async () => {
  await using rig = await startRig({ python: { poolSize: 2 } });
  const neighbour = python(`
import os
def main(_):
    open("secret", "w").write("mine")
    return {"pid": os.getpid(), "file": os.path.join(os.getcwd(), "secret")}
`);
  const other = await rig.payload(neighbour) as { pid: number; file: string };
  using open = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = JSON.stringify({ ...other, node: Deno.pid, port: open.addr.port });
  const fn = python(attempts({
    fork: `os.fork()`,
    vfork: `checked(libc.vfork())`,
    forkpty: `os.forkpty()`,
    exec: `os.execv("/bin/true", ["true"])`,
    subprocess: `subprocess.run(["true"])`,
    spawn: `os.posix_spawn("/bin/true", ["true"], {})`,
    passwd: `open("/etc/passwd").read()`,
    ownEnviron: `open("/proc/self/environ").read()`,
    parentEnviron: `open("/proc/%d/environ" % os.getppid()).read()`,
    nodeEnviron: `open("/proc/%d/environ" % target["node"]).read()`,
    processes: `os.listdir("/proc")`,
    neighboursFile: `open(target["file"]).read()`,
    neighboursDirectory: `os.listdir(os.path.dirname(target["file"]))`,
    allInstances: `os.listdir("../..")`,
    killNeighbour: `os.kill(target["pid"], 0)`,
    killParent: `os.kill(os.getppid(), 0)`,
    killNode: `os.kill(target["node"], 0)`,
    killGroup: `os.killpg(0, 0)`,
    ptrace: `checked(libc.ptrace(16, target["pid"], None, None))`,
    rawSocket: `socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)`,
    packetSocket: `socket.socket(socket.AF_PACKET, socket.SOCK_RAW)`,
    datagram: `socket.socket(socket.AF_INET, socket.SOCK_DGRAM)`,
    loopback: `socket.create_connection(("127.0.0.1", target["port"]), 1)`,
    unixSocket: `socket.socket(socket.AF_UNIX)`,
    channelAgain: `socket.socket(socket.AF_UNIX).connect("../socket")`,
    setuid: `os.setuid(0)`,
    setgroups: `os.setgroups([0])`,
    chroot: `os.chroot(".")`,
    writeAbove: `open("../made", "w")`,
    rewriteModule: `open("../hello.py", "w")`,
    temporaryFile: `open("/tmp/made-by-a-function", "w")`,
    chmod: `os.chmod(".", 0o777)`,
    symlink: `os.symlink("/etc/passwd", "link")`,
    hardLink: `os.link("../hello.py", "link")`,
    fifo: `os.mkfifo("fifo")`,
    sharedMemory: `mmap.mmap(-1, 1 << 20)`,
    anonymousFile: `os.memfd_create("x")`,
    moreFiles: `resource.setrlimit(resource.RLIMIT_NOFILE, (9999, 9999))`,
    priority: `os.setpriority(os.PRIO_PROCESS, os.getppid(), 5)`,
    ownPriority: `os.nice(-5)`,
    undoParentDeath: `checked(libc.prctl(1, 0, 0, 0, 0))`,
  }));
  const outcome = await rig.payload(fn, JSON.parse(target)) as Record<string, string>;
  deepEqual(Object.entries(outcome).filter(([, what]) => what !== "denied"), []);
  // os.system has its own way of saying no.
  const system = python(`import os\ndef main(_): return os.system("true")`);
  notEqual(await rig.payload(system), 0);
});

test("what functions may do works: threads, files of their own, temporary files", async () => {
  await using rig = await startRig({ python: {} });
  const fn = python(`
import asyncio, concurrent.futures, os, shutil, sqlite3, ssl, tempfile, threading, zoneinfo
def main(_):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        squares = list(pool.map(lambda n: n * n, range(8)))
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "a.txt")
        open(path, "w").write("kept")
        os.rename(path, path + "2")
        read = open(path + "2").read()
    os.makedirs("deep/er")
    os.rename("deep/er", "er")
    shutil.rmtree("deep")
    database = sqlite3.connect("data.db")
    database.execute("create table t (n int)")
    database.commit()
    async def wait():
        await asyncio.sleep(0)
        return await asyncio.to_thread(lambda: "from a thread")
    return {"squares": squares, "read": read, "left": sorted(os.listdir(".")),
      "asyncio": asyncio.run(wait()), "zone": str(zoneinfo.ZoneInfo("Europe/Berlin")),
      "devnull": open(os.devnull, "w").write("x"), "random": len(os.urandom(4)),
      "tls": ssl.create_default_context().cert_store_stats()["x509_ca"] >= 0}
`);
  deepEqual(await rig.payload(fn), {
    squares: [0, 1, 4, 9, 16, 25, 36, 49],
    read: "kept",
    left: ["data.db", "er"],
    asyncio: "from a thread",
    zone: "Europe/Berlin",
    devnull: 1,
    random: 4,
    tls: true,
  });
});

test("MEMORY: a MemoryError becomes memory_limit_exceeded, however the memory is taken", async () => {
  await using rig = await startRig({ python: { poolSize: 2 } });
  const hogs = {
    bytes: `bytearray(1 << 30)`,
    list: `[0] * (1 << 28)`,
    growth: `[str(n) * 50 for n in range(10 ** 8)]`,
    map: `mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)[:].__len__()`,
  };
  for (const [name, hog] of Object.entries(hogs)) {
    const code =
      `import mmap\ndef main(_):\n    try:\n        ${hog}\n    except OSError as error:\n` +
      `        raise MemoryError(error)\n`;
    await rejects(rig.payload(python(code, { memoryMb: 64 })), {
      code: "memory_limit_exceeded",
    }, name);
  }
  const modest = python(`def main(_): return len(bytearray(40 << 20))`, { memoryMb: 64 });
  equal(await rig.payload(modest), 40 * MB);
});

test("a busy loop ends at TIMEOUT with its instance, in a thread and on the loop", async () => {
  await using rig = await startRig({ python: { poolSize: 2 } });
  // The zygote's start takes longer than these calls may.
  await rig.payload(python(`def main(_): pass`));
  for (const head of ["def main(_):", "async def main(_):"]) {
    const fn = python(`import os\n${head}\n    print(os.getpid())\n    while True: pass`, {
      timeoutMs: 300,
    });
    const call = rig.payload(fn);
    const refused = rejects(call, { code: "timeout" }, head);
    const { message } = await rig.logged(({ message }) => /^\d+$/.test(message));
    await refused;
    await eventually(async () => !await isAlive(Number(message)), 5000, "the end of the instance");
    rig.logs.length = 0;
  }
});

test("os._exit and a crash in native code end one instance and one call", async () => {
  await using rig = await startRig({ python: { poolSize: 2 } });
  await rejects(rig.payload(python(`import os\ndef main(_): os._exit(3)`)), {
    code: "function_error",
    message: /ended its own process \(exit code 3\)/,
  });
  const crash = python(`import ctypes\ndef main(_): ctypes.string_at(0)`);
  await rejects(rig.payload(crash), { code: "instance_crashed", message: /SIGSEGV/ });
  const fine = python(`def main(n): return n + 1`);
  equal(await rig.payload(fine, 1), 2);
});

test("the zygote killed in the middle: calls fail, the next ones work", async () => {
  await using rig = await startRig({ python: { poolSize: 1 } });
  const fn = python(`
import os, time
def main(wait):
    if wait:
        print("waiting")
        time.sleep(60)
    return os.getppid()
`);
  const zygote = await rig.payload(fn, false) as number;
  const lost = rejects(rig.payload(fn, true), { code: "instance_crashed" });
  await rig.logged(({ message }) => message === "waiting");
  Deno.kill(zygote, "SIGKILL");
  await lost;
  const another = await rig.payload(fn, false) as number;
  ok(another !== zygote && await isAlive(another));
  match(rig.warnings.join("\n"), /Python environment default: the launcher ended/);
});

test("the end of the runtime is the end of the zygote", async () => {
  let zygote = 0;
  {
    await using rig = await startRig({ python: {} });
    zygote = await rig.payload(python(`import os\ndef main(_): return os.getppid()`)) as number;
    ok(await isAlive(zygote));
  }
  equal(await isAlive(zygote), false);
});

test("no Python process is there before a Python function is", async () => {
  await using rig = await startRig({ python: {} });
  equal(await launchers(), 1);
  await rig.payload(python(`def main(_): return 1`));
  equal(await launchers(), 2);
});

test("the scratch directory: each file and all together are held to the quota, then it is gone", async () => {
  await using rig = await startRig({ python: { poolSize: 1 } });
  const large = python(`
def main(_):
    with open("large", "wb") as file:
        for _ in range(65):
            file.write(bytes(1 << 20))
`);
  await rejects(rig.payload(large), { code: "limit_exceeded", message: /File too large/ });
  const many = python(`
import os, time
def main(_):
    print(os.getcwd())
    for name in range(9):
        with open(str(name), "wb") as file:
            file.write(os.urandom(10 << 20))
    time.sleep(60)
`);
  await rejects(rig.payload(many), { code: "limit_exceeded", message: /scratch directory/ });
  const { message } = await rig.logged(({ message }) => message.endsWith("/scratch"));
  const isGone = () => Deno.lstat(message).then(() => false, () => true);
  await eventually(isGone, 5000, "the end of the directory");
  const names = python(
    `
import time
def main(_):
    for name in range(10_000):
        open(str(name), "w").close()
    time.sleep(60)
`,
    { timeoutMs: 60_000 },
  );
  await rejects(rig.payload(names), { code: "limit_exceeded", message: /2000 files/ });
});

test("FILES can be opened by their names and paths, and nothing beside them", async () => {
  const filesDir = await Deno.makeTempDir({ prefix: "orla-files-" });
  await Deno.chmod(filesDir, 0o755);
  await Deno.mkdir(`${filesDir}/models`, { mode: 0o755 });
  for (const name of ["models/price.txt", "models/other.txt", "top.txt"]) {
    await Deno.writeTextFile(`${filesDir}/${name}`, `content of ${name}`, { mode: 0o644 });
  }
  try {
    await using rig = await startRig({ python: { filesDir } });
    const code = `
import os
def tried(path, mode="r"):
    try:
        return open(path, mode).read()
    except OSError:
        return "denied"
def main(directory):
    return [tried(p) for p in ("models/price.txt", directory + "/models/price.txt", "top.txt",
      directory + "/models/other.txt")] + [tried("models/price.txt", "a")]
`;
    const fn = python(code, { files: ["models/price.txt", "top.txt"] });
    deepEqual(await rig.payload(fn, filesDir), [
      "content of models/price.txt",
      "content of models/price.txt",
      "content of top.txt",
      "denied",
      "denied",
    ]);
    const whole = python(code, { files: ["models"] });
    equal((await rig.payload(whole, filesDir) as string[])[3], "content of models/other.txt");
    await Deno.remove(`${filesDir}/top.txt`);
    const missing = python(code, { files: ["top.txt"] });
    await rejects(rig.payload(missing, filesDir), { code: "invalid_option", message: /top\.txt/ });
  } finally {
    await Deno.remove(filesDir, { recursive: true });
  }
});

test(
  "below the first level of walls functions are refused, or run as free as the node",
  async () => {
    const missing = [{ what: "files other than its own cannot be opened", why: "no Landlock" }];
    const refuse = () => {
      throw unconfinedPython(missing);
    };
    const nothing = { seccomp: false, landlock: false, ownUser: false, cgroup: false };
    const fn = python(`def main(_): return open("/etc/passwd").readline() != ""`, {
      minInstances: 1,
    });
    {
      await using rig = await startRig({ python: { check: refuse, arrangement: nothing } });
      rig.runtime.keepWarm(fn);
      await rejects(rig.payload(fn), {
        code: "not_supported",
        message: /nothing would keep them from its files.*no Landlock/,
        hint: /ORLA_PYTHON_UNCONFINED=true/,
      });
      equal(await rig.payload(version(`export const main = () => 1;`)), 1);
      equal(await launchers(), 1);
    }
    await using rig = await startRig({ python: { arrangement: nothing } });
    equal(await rig.payload(fn), true);
  },
  Deno.build.os === "linux",
);

test("users of instances are never shared between environments", async () => {
  const environments = ["default", "other"].map((name) => ({
    ...{ name, interpreter: "/usr/bin/python3", preload: [] },
  }));
  await using rig = await startRig({
    python: { environments, uids: { first: 250_000, last: 250_003 }, poolSize: 1 },
  });
  const code = `import os\ndef main(_): return [os.getuid(), os.getppid()]`;
  const [uid, zygote] = await rig.payload(python(code)) as [number, number];
  const [otherUid, otherZygote] = await rig.payload(
    python(code, { pythonEnv: "other" }),
  ) as [number, number];
  ok(uid >= 250_000 && uid <= 250_001);
  ok(otherUid >= 250_002 && otherUid <= 250_003);
  notEqual(zygote, otherZygote);
  await rejects(rig.payload(python(code, { pythonEnv: "none" })), {
    code: "invalid_option",
    message: /no Python environment none/,
  });
}, isRoot);

test("what is preloaded may start no thread", async () => {
  const directory = await Deno.makeTempDir({ prefix: "orla-venv-" });
  try {
    await Deno.chmod(directory, 0o755);
    const { success } = await new Deno.Command("/usr/bin/python3", {
      args: ["-m", "venv", "--without-pip", directory],
    }).output();
    ok(success);
    const [lib] = [...Deno.readDirSync(`${directory}/lib`)];
    await Deno.writeTextFile(
      `${directory}/lib/${lib?.name}/site-packages/busy_module.py`,
      "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
    );
    const interpreter = `${directory}/bin/python3`;
    const environments = [{ name: "default", interpreter, preload: ["busy_module"] }];
    await using rig = await startRig({ python: { environments } });
    await rejects(rig.payload(python(`def main(_): return 1`)), {
      code: "unavailable",
      message: /importing busy_module started threads/,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

test("an environment's modules are read, and what cannot be preloaded is told", async () => {
  const directory = await Deno.makeTempDir({ prefix: "orla-venv-" });
  try {
    const { success, stderr } = await new Deno.Command("/usr/bin/python3", {
      args: ["-m", "venv", "--without-pip", "--copies", directory],
    }).output();
    ok(success, new TextDecoder().decode(stderr));
    const environments = [{
      name: "default",
      interpreter: `${directory}/bin/python`,
      preload: ["no_such_module"],
    }];
    await using rig = await startRig({ python: { environments } });
    equal(await rig.payload(python(`import sys\ndef main(_): return sys.prefix`)), directory);
    match(rig.warnings.join("\n"), /cannot preload no_such_module: ModuleNotFoundError/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
