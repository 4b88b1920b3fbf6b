/** Starting programs and threads, reaching other processes, becoming somebody else. */
import { answered, type Attack, fails, harmless, refused } from "../attack.ts";

const denied = (source: string) => refused(["permissions", "seccomp"], source);

export const processAttacks: readonly Attack[] = [
  {
    name: "start a program",
    behindDeno: ["startShell", "startItself", "execShell"],
    code: {
      javascript: denied(`return new Deno.Command("/bin/true").outputSync().success;`),
      python: refused(
        ["seccomp", "landlock"],
        `import subprocess
return subprocess.run(["/bin/true"]).returncode == 0`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "start a program through Node's modules",
    code: {
      javascript: denied(
        `(await builtin("child_process")).execFileSync("/bin/true"); return true;`,
      ),
    },
  },
  {
    name: "start a shell by the C library",
    code: {
      python: refused(["seccomp", "landlock"], `import os\nreturn os.system("true") == 0`, {
        openIn: ["bare"],
      }),
    },
  },
  {
    name: "multiply by forking without end",
    behindDeno: ["fork"],
    code: {
      python: refused(
        ["seccomp"],
        `import os
pids = []
for _ in range(10_000):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    pids.append(pid)
    if len(pids) > 2:
        return True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "start a thread with code of its own",
    code: {
      javascript: refused(
        ["bootstrap"],
        `
        const worker = new Worker("data:text/javascript,postMessage(1)", { type: "module" });
        return await new Promise((resolve) => {
          worker.onmessage = () => { worker.terminate(); resolve(true); };
          worker.onerror = () => resolve(false);
        });`,
      ),
    },
  },
  {
    name: "start a thread through Node's modules",
    code: {
      javascript: refused(
        ["bootstrap", "permissions"],
        `
        const { Worker } = await builtin("worker_threads");
        return await new Promise((resolve, reject) => {
          const worker = new Worker("data:text/javascript,", { eval: false });
          worker.on("online", () => { worker.terminate(); resolve(true); });
          worker.on("error", reject);
        });`,
        { noControl: "Deno's own fails too, in another way" },
      ),
    },
  },
  {
    name: "load a native library",
    code: {
      javascript: denied(
        `return Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }) !== null;`,
      ),
    },
  },
  {
    name: "load a native module",
    code: {
      javascript: denied(`const process = (await builtin("process")).default;
        try {
          process.dlopen({ exports: {} }, "/lib/" + Deno.build.arch + "-linux-gnu/libc.so.6");
        } catch (error) {
          // It was loaded before it was found to be no module.
          return error.message.includes("find register");
        }
        return true;`),
    },
  },
  {
    name: "kill the node, its launcher, or everything",
    behindDeno: ["signalParent"],
    code: {
      javascript: denied(`const process = (await builtin("process")).default;
        for (const pid of [target.node, target.parent, process.ppid]) {
          try { Deno.kill(pid, "SIGKILL"); return true; } catch { /* the next one */ }
          try { if (process.kill(pid, "SIGKILL")) return true; } catch { /* the next one */ }
        }
        return false;`),
      python: refused(
        ["seccomp", "landlock", "user"],
        `import os
for pid in (target["node"], target["parent"]):
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        pass`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "kill another instance",
    behindDeno: ["signalSibling", "signalSiblingThread", "holdSibling"],
    code: {
      javascript: denied(`Deno.kill(target.sibling, "SIGKILL"); return true;`),
      python: refused(
        ["seccomp", "landlock", "user"],
        `import os
os.kill(target["sibling"], 0)
return True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "kill every process of its user at once",
    code: {
      python: refused(
        ["seccomp"],
        `import os
os.kill(-1, 0)
return True`,
        { openIn: ["bare"], noControl: "it would" },
      ),
    },
  },
  {
    name: "open the inspector",
    code: {
      javascript: refused(
        ["permissions", "landlock"],
        `
        const inspector = await builtin("inspector");
        inspector.open(target.port + 1, "127.0.0.1");
        return inspector.url() !== undefined;`,
        { noControl: "it would wait" },
      ),
    },
  },
  {
    name: "write the whole heap to a file",
    code: {
      javascript: harmless(
        ["permissions", "limits", "landlock"],
        `return (await builtin("v8")).writeHeapSnapshot(target.newFile) !== undefined;`,
      ),
    },
  },
  {
    name: "change the engine's flags while it runs",
    code: {
      javascript: harmless(
        ["bootstrap", "limits"],
        `
        const v8 = await builtin("v8");
        v8.setFlagsFromString("--max-old-space-size=8000");
        v8.setFlagsFromString("--allow-natives-syntax");
        return new Function("return %SystemBreak")() !== undefined;`,
      ),
    },
  },
  {
    name: "reach the runtime's internals",
    code: {
      javascript: refused(
        ["bootstrap"],
        `
        if (Deno.internal !== undefined || Deno[Deno.internal] !== undefined) return true;
        if (Object.getOwnPropertySymbols(Deno).length > 0) return true;
        const url = "ext:core/mod.js";
        return (await import(url)) !== undefined;`,
      ),
    },
  },
  {
    name: "ask for more permissions",
    code: {
      javascript: refused(
        ["permissions"],
        `
        const states = [];
        for (const name of ["read", "write", "run", "env", "ffi", "sys"]) {
          states.push((await Deno.permissions.request({ name })).state);
        }
        return states.includes("granted");`,
      ),
    },
  },
  {
    name: "learn the machine's name, users and interfaces",
    code: {
      javascript: refused(
        ["permissions"],
        `
        const os = await builtin("os");
        for (const ask of [Deno.hostname, Deno.networkInterfaces, Deno.systemMemoryInfo, os.userInfo]) {
          try { ask(); return true; } catch { /* the next one */ }
        }
        return false;`,
      ),
    },
  },
  {
    name: "see the node's environment variables",
    code: {
      javascript: refused(
        ["bootstrap", "permissions"],
        `
        const process = (await builtin("process")).default;
        return Object.keys(process.env).length + Object.keys(Deno.env.toObject()).length > 0;`,
      ),
      python: refused(
        ["bootstrap"],
        `import os
return any(name.startswith(("ORLA_", "DATABASE", "PG", "DENO_", "PWD")) for name in os.environ)`,
      ),
    },
  },
  {
    name: "end its own process",
    code: {
      javascript: fails(["function_error", "instance_crashed"], ["supervisor"], `Deno.exit(0);`),
      python: fails(
        ["function_error", "instance_crashed"],
        ["supervisor"],
        `import os
os._exit(0)`,
      ),
    },
  },
  {
    name: "start threads without end",
    code: {
      python: harmless(
        ["limits"],
        `import threading, time
for _ in range(10_000):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
return True`,
        { ruinsItself: true },
      ),
    },
  },
  {
    name: "open files and sockets without end",
    code: {
      javascript: answered(
        ["limits"],
        `
        const open = [];
        for (let i = 0; i < 2000; i++) {
          open.push(fetch("http://192.0.2.1:9/" + i, { signal: AbortSignal.timeout(200) }).catch(() => 0));
        }
        await Promise.all(open);
        return false;`,
      ),
      python: harmless(
        ["limits"],
        `import os
for _ in range(100_000):
    os.dup(1)
return True`,
        { ruinsItself: true },
      ),
    },
  },
];
