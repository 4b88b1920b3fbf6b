/**
 * The launcher process as seen from here: it forks, confines and executes for us, and is the parent
 * of all that it launched. It is started at the first need and again after it died, which takes
 * every process it had launched with it.
 */
import { constants } from "node:os";
import { OrlaError } from "../../base/errors.ts";
import {
  type InstanceProcess,
  LauncherLost,
  type LaunchRequest,
  withLastWords,
} from "../launcher.ts";
import { type LauncherLink, startLauncher, type ZygoteOptions } from "./launcher-link.ts";
import type {
  Confinement,
  FileRights,
  Findings,
  Launched,
  LauncherEvent,
  LaunchLimits,
  Network,
} from "./launcher-messages.ts";
import { type Output, OutputSocket } from "./output-socket.ts";

export interface LauncherProcessOptions {
  /** Interpreters to try, best first. */
  readonly pythons?: readonly string[];
  /** The output socket is made here: a directory of ours alone, with a short path. */
  readonly runtimeDir: string;
  /** Range of user ids that belong to nobody, for processes with one of their own. */
  readonly uids: { readonly first: number; readonly last: number } | null;
  readonly cgroups: boolean;
  readonly onProblem: (message: string) => void;
  /** Makes it the zygote of a Python environment, which launches only that environment's instances. */
  readonly zygote?: ZygoteOptions;
}

export type SpawnRequest = SpawnOptions & Launched;

export interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Working directory, handed over to the process's own user if it gets one. */
  readonly directory: string;
  readonly ownUser: boolean;
  readonly limits: LaunchLimits;
  readonly files: FileRights;
  readonly network: Network;
  readonly confine: Confinement;
}

export interface SpawnedProcess {
  readonly pid: number;
  /** Its own user, or `null` for ours. */
  readonly uid: number | null;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  kill(): void;
  /** Of its cgroup; without one nothing happens. */
  limitMemory(bytes: number): void;
  /** Returns whether its cgroup holds it to so many percent of one processor. */
  limitCpu(percent: number): boolean;
}

const MB = 1 << 20;

/**
 * The process as an instance's. `blankMemoryBytes` is what its cgroup counts beside the function's
 * own memory.
 */
export function instanceProcess(
  process: SpawnedProcess,
  onLine: LaunchRequest["onLine"],
  blankMemoryBytes: number,
): InstanceProcess {
  return {
    pid: process.pid,
    uid: process.uid,
    exited: withLastWords(process.exited, process, onLine),
    kill: process.kill,
    limitMemory: (memoryMb) => process.limitMemory(memoryMb * MB + blankMemoryBytes),
    limitCpu: process.limitCpu,
  };
}

export interface Exit {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly withLauncher?: boolean;
}

/** The system's own first: one found on PATH may be a wrapper that needs more than PATH. */
export const pythonCandidates: readonly string[] = [
  "/usr/bin/python3",
  "/usr/local/bin/python3",
  "python3",
];

interface Launch {
  readonly link: LauncherLink;
  readonly output: Output;
  readonly started: PromiseWithResolvers<SpawnedProcess>;
  readonly exited: PromiseWithResolvers<Exit>;
}

export class LauncherProcess implements AsyncDisposable {
  readonly #options: LauncherProcessOptions;
  readonly #output: OutputSocket;
  /** Asked for and not yet answered, by id. */
  readonly #launches = new Map<number, Launch>();
  /** By process id. */
  readonly #living = new Map<number, Launch>();
  readonly #probes = new Map<number, PromiseWithResolvers<Findings>>();
  #running: Promise<LauncherLink> | undefined;
  #lastId = 0;
  #closed = false;

  constructor(options: LauncherProcessOptions) {
    this.#options = options;
    this.#output = new OutputSocket(`${options.runtimeDir}/output`);
  }

  /** Its process id; starts it if need be. Rejects with `unavailable` where it cannot run. */
  async start(): Promise<number> {
    return (await this.#ensure()).pid;
  }

  async spawn(request: SpawnRequest): Promise<SpawnedProcess> {
    const launcher = await this.#ensure();
    const id = ++this.#lastId;
    const { network } = request;
    const launch: Launch = {
      link: launcher,
      output: this.#output.expect(id),
      started: Promise.withResolvers(),
      exited: Promise.withResolvers(),
    };
    this.#launches.set(id, launch);
    launcher.send({
      op: "launch",
      id,
      ...request,
      output: this.#output.path,
      network: network.mode,
      connectPorts: network.mode === "proxy" ? network.ports : [],
      // Addresses such as ::ffff:127.0.0.1 pass by every rule that names IPv4 networks.
      ipv6: false,
    });
    return await launch.started.promise;
  }

  /** Tries every mechanism in throw-away children. `uid` is one to try becoming. */
  async probe(uid: number | null): Promise<Findings> {
    const launcher = await this.#ensure();
    const id = ++this.#lastId;
    const probe = Promise.withResolvers<Findings>();
    this.#probes.set(id, probe);
    launcher.send({ op: "probe", id, uid });
    return await probe.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const running = await this.#running?.catch(() => undefined);
    await running?.stop();
    await this.#output[Symbol.asyncDispose]();
  }

  #ensure(): Promise<LauncherLink> {
    if (this.#closed) {
      return Promise.reject(new OrlaError("unavailable", "the launcher is stopped"));
    }
    return this.#running ??= this.#startAny().catch((error) => {
      this.#running = undefined;
      throw error;
    });
  }

  async #startAny(): Promise<LauncherLink> {
    const { uids, cgroups, zygote } = this.#options;
    const failures: string[] = [];
    for (const python of this.#options.pythons ?? pythonCandidates) {
      try {
        return await startLauncher({
          python,
          uids,
          cgroups,
          ...zygote === undefined ? {} : { zygote },
          onEvent: (event) => this.#on(event),
          onEnd: (why) => this.#lost(why),
        });
      } catch (error) {
        failures.push(`${python}: ${error instanceof Error ? error.message : error}`);
      }
    }
    const why = failures.join("; ");
    throw zygote === undefined
      ? new OrlaError("unavailable", `the launcher does not start (${why})`, {
        hint: "Install python3, 3.8 or newer, with its standard library.",
      })
      : new OrlaError("unavailable", `Python does not start (${why})`);
  }

  #on(event: Exclude<LauncherEvent, { event: "ready" }>): void {
    switch (event.event) {
      case "launched":
        this.#launched(event);
        return;
      case "failed":
        return this.#failed(event.id, new OrlaError("unavailable", event.message));
      case "exited": {
        const { pid, code, signal } = event;
        this.#living.get(pid)?.exited.resolve({ code, signal: signalName(signal) });
        this.#living.delete(pid);
        return;
      }
      case "probed":
        this.#probes.get(event.id)?.resolve(event.findings);
        this.#probes.delete(event.id);
        return;
      case "problem":
        return this.#options.onProblem(event.message);
    }
  }

  async #launched(
    { id, pid, uid, cpuQuota }: Extract<LauncherEvent, { event: "launched" }>,
  ): Promise<void> {
    const launch = this.#launches.get(id);
    if (launch === undefined) return;
    this.#launches.delete(id);
    this.#living.set(pid, launch);
    // It had connected both before it executed its program.
    const [stdout, stderr] = await Promise.all([launch.output.stdout, launch.output.stderr]);
    launch.started.resolve({
      pid,
      uid,
      exited: launch.exited.promise,
      stdout,
      stderr,
      // Not those of a later launcher, which would know nothing of it.
      kill: () => launch.link.send({ op: "kill", pid }),
      limitMemory: (memoryBytes) =>
        launch.link.send({ op: "limit", pid, memoryBytes, cpuPercent: null }),
      limitCpu: (cpuPercent) => {
        if (cpuQuota) launch.link.send({ op: "limit", pid, memoryBytes: null, cpuPercent });
        return cpuQuota;
      },
    });
  }

  #failed(id: number, error: OrlaError): void {
    const launch = this.#launches.get(id);
    launch?.started.reject(error);
    this.#launches.delete(id);
    this.#output.forget(id);
    for (const stream of [launch?.output.stdout, launch?.output.stderr]) {
      stream?.then((stream) => stream.cancel()).catch(() => {});
    }
  }

  /** The kernel has killed all that it had launched. */
  #lost(why: string): void {
    this.#running = undefined;
    if (!this.#closed) this.#options.onProblem(`the launcher ended: ${why}`);
    const error = new LauncherLost(why);
    for (const probe of this.#probes.values()) probe.reject(error);
    this.#probes.clear();
    for (const id of this.#launches.keys()) this.#failed(id, error);
    const code = 128 + constants.signals.SIGKILL;
    const killed: Exit = { code, signal: "SIGKILL", withLauncher: true };
    for (const { exited } of this.#living.values()) exited.resolve(killed);
    this.#living.clear();
  }
}

function signalName(number: number | null): Deno.Signal | null {
  if (number === null) return null;
  for (const [name, value] of Object.entries(constants.signals)) {
    if (value === number) return name as Deno.Signal; // both lists are the system's
  }
  return null;
}
