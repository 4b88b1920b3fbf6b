/** Functions through the real supervisor, under the strongest confinement this machine offers. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { compileModule } from "../../src/functions/compile.ts";
import type { FunctionVersion } from "../../src/functions/function.ts";
import { defaultOptions } from "../../src/functions/option-table.ts";
import {
  chooseLauncher,
  type ChooseLauncherOptions,
  type ChosenLauncher,
} from "../../src/runtime/confinement/choose-launcher.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { createRuntime } from "../../src/runtime/create-runtime.ts";
import { eventually, familyOf } from "../processes.ts";

const isLinux = Deno.build.os === "linux";
const isRoot = isLinux && Deno.uid() === 0;

function test(name: string, when: boolean, run: () => Promise<void>): void {
  const reason = when ? "" : " (skipped: needs Linux, perhaps root)";
  Deno.test({ name: `confined runtime: ${name}${reason}`, ignore: !when, fn: run });
}

class Rig implements AsyncDisposable {
  readonly logged: string[] = [];
  readonly warned: string[] = [];
  #versions = 0;

  private constructor(
    readonly runtimeDir: string,
    readonly chosen: ChosenLauncher,
    readonly runtime: Runtime,
    readonly stack: AsyncDisposableStack,
    lines: { logged: string[]; warned: string[] },
  ) {
    this.logged = lines.logged;
    this.warned = lines.warned;
  }

  static async start(options: Partial<ChooseLauncherOptions> = {}): Promise<Rig> {
    await using stack = new AsyncDisposableStack();
    const runtimeDir = await Deno.makeTempDir({ prefix: "orla-confined-" });
    stack.defer(() => Deno.remove(runtimeDir, { recursive: true }));
    await Deno.chmod(runtimeDir, 0o711);
    const lines = { logged: [] as string[], warned: [] as string[] };
    const log = { warn: (message: string) => void lines.warned.push(message) };
    const denoPath = Deno.execPath();
    const chosen = stack.use(await chooseLauncher({ denoPath, runtimeDir, log, ...options }));
    const runtime = stack.use(
      await createRuntime({
        denoPath,
        runtimeDir,
        launcher: chosen.launcher,
        reaper: { watch: () => {}, release: () => {} },
        log,
        sink: {
          started: () => {},
          lasting: () => {},
          finished: () => {},
          log: ({ message }) => void lines.logged.push(message),
        },
        poolSize: 1,
      }),
    );
    await runtime.ready();
    return new Rig(runtimeDir, chosen, runtime, stack.move(), lines);
  }

  version(
    code: string,
    memoryMb = 128,
    more: Partial<FunctionVersion["options"]> = {},
  ): FunctionVersion {
    const id = String(++this.#versions);
    const input = { code, language: "javascript", name: "subject", parameters: null } as const;
    return {
      functionId: id,
      versionId: id,
      version: 1,
      namespace: "default",
      ...input,
      returns: null,
      module: compileModule(input),
      options: {
        ...defaultOptions,
        memoryMb,
        timeoutMs: 10_000,
        concurrency: 8,
        maxInstances: 1,
        ...more,
      },
    };
  }

  async call(version: FunctionVersion, input: unknown = null): Promise<unknown> {
    const reply = await this.runtime.invoke(version, {
      kind: "payload",
      executionId: crypto.randomUUID(),
      trigger: "sql",
      caller: { role: null, service: true },
      arrivedAt: performance.now(),
      input: JSON.stringify(input),
      shape: "payload",
    });
    return JSON.parse(reply.output);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}

test("what functions rightly do works", isLinux, async () => {
  await using rig = await Rig.start();
  ok(rig.chosen.report.javascript.level >= 1, JSON.stringify(rig.chosen.report.javascript));
  const version = rig.version(`
    export const main = async (name) => {
      console.log("hello", name);
      const wasm = await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name));
      const zipped = new Response(new Blob([name]).stream().pipeThrough(new CompressionStream("gzip")));
      await new Promise((resolve) => setTimeout(resolve, 1));
      return {
        digest: digest.byteLength, zipped: (await zipped.bytes()).length > 10,
        wasm: String(wasm), zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        threads: navigator.hardwareConcurrency > 0, memory: Deno.memoryUsage().rss > 1e7,
      };
    };`);
  deepEqual(await rig.call(version, "you"), {
    digest: 32,
    zipped: true,
    wasm: "[object WebAssembly.Module]",
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    threads: true,
    memory: true,
  });
  deepEqual(rig.logged, ["hello you"]);
  deepEqual(rig.warned, []);
});

test("an instance in use is confined", isLinux, async () => {
  await using rig = await Rig.start();
  const version = rig.version(`export const main = () => Deno.pid`);
  const pid = await rig.call(version);
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  match(status, /NoNewPrivs:\s1/);
  match(status, /Seccomp:\s2/);
  if (isRoot) match(status, /Uid:\s2\d{5}\s/);
});

test(
  "memory beyond the limit fails the call, and the next has another instance",
  isLinux,
  async () => {
    await using rig = await Rig.start();
    const version = rig.version(
      `export const main = (hog) => {
      if (hog === "buffers") { const all = []; for (;;) all.push(new Uint8Array(1 << 22).fill(1)); }
      if (hog === "heap") { const all = []; for (;;) all.push(new Array(1e5).fill(1.5)); }
      return Deno.pid;
    };`,
      32,
    );
    await rejects(rig.call(version, "buffers"), { code: "memory_limit_exceeded" });
    const first = await rig.call(version);
    await rejects(rig.call(version, "heap"), { code: "memory_limit_exceeded" });
    const second = await rig.call(version);
    equal(first !== second, true);
  },
);

test("the launcher's death costs the instances and no more", isLinux, async () => {
  await using rig = await Rig.start();
  const version = rig.version(`export const main = () => Deno.pid`);
  const first = await rig.call(version);
  const launcher = (await familyOf(Deno.pid)).find(({ command }) =>
    /launcher\/main\.py/.test(command)
  );
  ok(launcher);
  Deno.kill(launcher.pid, "SIGKILL");
  const answers = async () => {
    try {
      return await rig.call(version) !== first;
    } catch {
      return false;
    }
  };
  await eventually(answers, 10_000, "calls are answered again");
});

test(
  "with a control group the kernel keeps an account as well",
  isRoot,
  async (): Promise<void> => {
    await using rig = await Rig.start({ cgroups: true });
    const { level, missing } = rig.chosen.report.javascript;
    if (level < 3) return void match(missing[0]?.why ?? "", /cgroup/);
    const version = rig.version(`export const main = () => Deno.pid`, 64);
    const pid = await rig.call(version);
    match(await Deno.readTextFile(`/proc/${pid}/cgroup`), /(memory|):.*\/orla-\d+-\d+\n/);
  },
);

test(
  "where the control group has a share of the processor, it holds CPU_LIMIT",
  isRoot,
  async () => {
    await using rig = await Rig.start({ cgroups: true });
    const version = rig.version(
      `export const main = async (ms) => {
      const end = performance.now() + (ms ?? 0);
      while (performance.now() < end);
      return Deno.pid;
    }`,
      64,
      { cpuLimitPercent: 20 },
    );
    const pid = await rig.call(version) as number;
    const path = /cpu(?:,cpuacct)?:(.*)\n/.exec(await Deno.readTextFile(`/proc/${pid}/cgroup`))
      ?.[1];
    const group = `/sys/fs/cgroup/cpu${path}`;
    // Version 2 without the cpu controller: another test has the way without.
    if (path === undefined || !path.includes("/orla-")) return;
    equal((await Deno.readTextFile(`${group}/cpu.cfs_quota_us`)).trim(), "20000");
    equal(await rig.call(version, 1500), pid);
    const throttled = /nr_throttled (\d+)/.exec(await Deno.readTextFile(`${group}/cpu.stat`))?.[1];
    ok(Number(throttled) >= 3, `${throttled}`);
  },
);

test("every mechanism may be missing, and the report says so", isLinux, async () => {
  const version = `export const main = () => "works"`;
  const without = async (options: Partial<ChooseLauncherOptions>) => {
    await using rig = await Rig.start(options);
    equal(await rig.call(rig.version(version)), "works");
    return rig.chosen.report.javascript;
  };
  const noLandlock = await without({ without: { landlock: true } });
  equal(noLandlock.level, 0);
  match(noLandlock.missing[0]?.what ?? "", /Landlock/);
  const noFilter = await without({ without: { seccomp: true } });
  equal(noFilter.level, 0);
  match(noFilter.missing[0]?.what ?? "", /seccomp/);
  equal((await without({ without: { ownUser: true } })).level, 1);
  const none = await without({ pythons: ["/nowhere/python3"] });
  deepEqual([none.level, none.enforced], [0, []]);
  match(none.missing[0]?.why ?? "", /launcher does not start/);
});
