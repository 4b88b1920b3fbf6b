/** Each hole that the sandbox experiments found, tried from inside a function. */
import { deepStrictEqual, match, notStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { startRig, test, version } from "./rig.ts";

/** Runs code in a function and returns what it returns. */
async function inside(code: string): Promise<unknown> {
  await using rig = await startRig();
  return await rig.payload(version(code));
}

test("a static import of a file outside is refused, as text, JSON or module", async () => {
  for (const attributes of ['with { type: "text" }', 'with { type: "json" }', ""]) {
    await using rig = await startRig();
    const code = `import stolen from "file:///etc/hostname" ${attributes};
      export const main = () => stolen;`;
    await rejects(rig.payload(version(code)), { code: "function_error", message: /read access/ });
  }
});

test("dynamic imports of files are refused, before and after the import is done", async () => {
  const attempt = `async () => {
    const results = [];
    for (const url of ["file:///etc/hostname", import.meta.url + "?again"]) {
      try { results.push(String((await import(url, { with: { type: "text" } })).default)); }
      catch (error) { results.push(error.message); }
    }
    return results;
  }`;
  const results = await inside(`export const main = ${attempt}`) as string[];
  for (const result of results) match(result, /read access/);
});

test("storage that instances would share is gone", async () => {
  const code = `export const main = () => [
    typeof globalThis.localStorage, typeof globalThis.sessionStorage, typeof globalThis.caches,
  ]`;
  deepStrictEqual(await inside(code), ["undefined", "undefined", "undefined"]);
});

test("nothing persists: DENO_DIR cannot exist", async () => {
  await using rig = await startRig();
  const pid = await rig.payload(version(`export const main = () => Deno.pid`));
  const environ = await Deno.readTextFile(`/proc/${pid}/environ`);
  deepStrictEqual(environ.split("\0").filter(Boolean).toSorted(), [
    "DENO_DIR=/dev/null/none",
    "DENO_NO_UPDATE_CHECK=1",
    "HOME=/proc/none",
  ]);
});

test("what a function writes to its standard output is a log line and no frame", async () => {
  await using rig = await startRig();
  const forged = `export const main = async () => {
    const frame = new Uint8Array([0, 0, 0, 2, 4, 1, 0, 0, 0, 1, 110, 10]);
    await Deno.stdout.write(frame);
    await Deno.stdout.write(new TextEncoder().encode("said aloud\\n"));
    await Deno.stderr.write(new TextEncoder().encode("complained\\n"));
    return "real";
  }`;
  strictEqual(await rig.payload(version(forged)), "real");
  const said = await rig.logged(({ message }) => message === "said aloud");
  const complained = await rig.logged(({ message }) => message === "complained");
  deepStrictEqual([said.level, said.executionId], ["info", null]);
  deepStrictEqual([complained.level, complained.functionId], ["error", "hello"]);
});

test("the environment is the function's own, on both APIs", async () => {
  const code = `import process from "node:process";
    export const main = () => {
      Deno.env.set("MINE", "1");
      process.env.OTHER = 2;
      return [Deno.env.toObject(), { ...process.env }, { ...globalThis.process.env }, Deno.env.get("DENO_DIR") ?? null];
    }`;
  const own = { MINE: "1", OTHER: "2" };
  deepStrictEqual(await inside(code), [own, own, own, null]);
});

test("a proxy set in the environment changes nothing for fetch", async () => {
  let reached = false;
  await using trap = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    reached = true;
    return new Response();
  });
  await using rig = await startRig();
  const code = `import process from "node:process";
    export const main = async (port) => {
      for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) {
        Deno.env.set(name, "http://127.0.0.1:" + port);
        process.env[name] = "http://127.0.0.1:" + port;
      }
      try { return (await fetch("http://orla.invalid/")).status; } catch (error) { return error.name; }
    }`;
  strictEqual(await rig.payload(version(code), trap.addr.port), "TypeError");
  strictEqual(reached, false);
});

test("an uncaught exception ends its call and its instance, and nobody else's", async () => {
  await using rig = await startRig();
  const code = `export const main = (what) => new Promise((resolve) => {
    if (what === "throw") setTimeout(() => { throw new Error("escaped"); }, 10);
    else if (what === "pid") resolve(Deno.pid);
    else setTimeout(() => resolve("survived"), 200);
  })`;
  const fn = version(code);
  const pid = await rig.payload(fn, "pid");
  const [bystander, culprit] = await Promise.allSettled([
    rig.payload(fn, "wait"),
    rig.payload(fn, "throw"),
  ]);
  deepStrictEqual(bystander, { status: "fulfilled", value: "survived" });
  strictEqual(culprit.status, "rejected");
  match(String((culprit as PromiseRejectedResult).reason.message), /^escaped$/);
  notStrictEqual(await rig.payload(fn, "pid"), pid);
});

test("workers are refused with the reason", async () => {
  const code = `export const main = () => {
    try { new Worker("data:,"); } catch (error) { return error.message; }
  }`;
  match(String(await inside(code)), /Workers are not available/);
});

test("files, processes, FFI, signals and private addresses are out of reach", async () => {
  const attempts: Record<string, string> = {
    read: `Deno.readTextFileSync("/etc/hostname")`,
    ownDirectory: `Deno.readDirSync(".").next()`,
    nodeRead: `(await import("node:fs")).readFileSync("/etc/hostname")`,
    stat: `Deno.statSync("/etc/hostname")`,
    environ: `Deno.readTextFileSync("/proc/self/environ")`,
    write: `Deno.writeTextFileSync("x", "y")`,
    writeTemp: `Deno.writeTextFileSync("/tmp/orla-escaped", "y")`,
    command: `new Deno.Command("/bin/true").outputSync()`,
    spawn: `(await import("node:child_process")).execSync("true")`,
    ffi: `Deno.dlopen("libc.so.6", {})`,
    kill: `Deno.kill(Deno.ppid, "SIGCONT")`,
    hostname: `Deno.hostname()`,
    socket: `await Deno.connect({ transport: "unix", path: "socket" })`,
    loopback: `await fetch("http://127.0.0.1:5433/")`,
    localhost: `await fetch("http://localhost:8000/")`,
    metadata: `await fetch("http://169.254.169.254/")`,
    privateNet: `await Deno.connect({ hostname: "10.0.0.1", port: 80 })`,
    nodeNet: `await new Promise((_, reject) => {
      import("node:net").then((net) => net.connect(5433, "127.0.0.1").on("error", reject));
    })`,
    listen: `Deno.listen({ port: 0 })`,
    remote: `await import("https://deno.land/std/version.ts")`,
    npm: `await import("npm:left-pad")`,
    fileFetch: `await fetch("file:///etc/hostname")`,
    permission:
      `if ((await Deno.permissions.request({ name: "read" })).state === "denied") throw 0`,
  };
  const body = Object.entries(attempts).map(([name, code]) =>
    `try { ${code}; open.push(${JSON.stringify(name)}); } catch {}`
  ).join("\n");
  deepStrictEqual(
    await inside(`export const main = async () => { const open = []; ${body} return open; }`),
    [],
  );
});
