/**
 * Runs functions: keeps blank processes ready, a pool of instances for each version that is called,
 * and ends all of them when it is disposed. Nothing here knows HTTP or SQL; calls come in as
 * `Call`s, and what happened goes out through the `ExecutionSink`.
 */
import { OrlaError } from "../base/errors.ts";
import type { Call, Invoker, ReplyTo } from "../functions/call.ts";
import type { EgressGate } from "../functions/egress.ts";
import type { ExecutionSink } from "../functions/execution.ts";
import type { FunctionVersion } from "../functions/function.ts";
import type { HostServices } from "../functions/host-services.ts";
import { BlankPool, type Receiver } from "./blank-pool.ts";
import { BlankPools } from "./blank-pools.ts";
import { writeBootstrap } from "./bootstrap-script.ts";
import { type Clock, systemClock, type Timer } from "./clock.ts";
import { createLimiter } from "./create-limiter.ts";
import { FunctionPool } from "./function-pool.ts";
import { Instance } from "./instance.ts";
import type { InstanceKind, InstanceKinds } from "./instance-kind.ts";
import { startInstance } from "./instance-start.ts";
import { DenoLauncher, type Launcher } from "./launcher.ts";
import { type Enforcement, type Limiter, MAX_FILE_BYTES } from "./limits.ts";
import type { PoolServices } from "./pool-services.ts";

/** Kills what the node leaves behind when it dies itself. Implemented by `server/`. */
export interface Reaper {
  watch(pid: number, signal: "KILL" | "INT"): void;
  release(pid: number): void;
}

export interface RuntimeLog {
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface RuntimeOptions {
  readonly denoPath: string;
  /** An existing directory of ours alone, with a short path: sockets are made in it. */
  readonly runtimeDir: string;
  readonly sink: ExecutionSink;
  readonly reaper: Reaper;
  readonly log: RuntimeLog;
  /** Blank processes kept ready. */
  readonly poolSize?: number;
  /** Instances of all functions together. */
  readonly maxTotalInstances?: number;
  readonly idleTimeoutMs?: number;
  /** Calls of one version that may wait for an instance. */
  readonly queueLimit?: number;
  readonly queueTimeoutMs?: number;
  /** How long calls may go on once the runtime is disposed. */
  readonly drainTimeoutMs?: number;
  readonly clock?: Clock;
  readonly launcher?: Launcher;
  /** What else than Deno functions may run in; nothing by default. */
  readonly otherKinds?: InstanceKinds;
  /** What functions may ask of the platform; nothing by default. */
  readonly hostServices?: HostServices;
  /** The way into the network, whose port the launcher must know too; none by default. */
  readonly egress?: EgressGate | null;
}

export interface RuntimeStats {
  readonly instances: {
    readonly blank: number;
    readonly assigned: number;
    readonly draining: number;
  };
  readonly calls: { readonly running: number; readonly waiting: number };
  /** No process to run functions in is ready, and none starts. */
  readonly startsFail: boolean;
  /** What is really enforced on this machine. */
  readonly enforced: Enforcement;
}

export interface Runtime extends Invoker, AsyncDisposable {
  /** Resolves when the pool of blank processes is full. */
  ready(): Promise<void>;
  /** Starts the version's MIN_INSTANCES. */
  keepWarm(version: FunctionVersion): void;
  /**
   * The function's versions changed: instances of all versions but `currentVersionId` end as their
   * calls do. Callers who still come with an older version are served.
   */
  retire(functionId: string, currentVersionId?: string): void;
  stats(): RuntimeStats;
}

/** Hung event loops, memory and waiting times are looked at this often while calls are open. */
const TICK_MS = 100;

const DEFAULTS = {
  poolSize: 4,
  maxTotalInstances: 256,
  idleTimeoutMs: 60_000,
  queueLimit: 1024,
  queueTimeoutMs: 10_000,
  drainTimeoutMs: 10_000,
  egress: null,
  otherKinds: { kindOf: () => undefined } as InstanceKinds,
  hostServices: {
    call: (op) => Promise.reject(new OrlaError("not_supported", `This node has no ${op}`)),
  } as HostServices,
} as const;

export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { denoPath, runtimeDir } = options;
  const launcher = options.launcher ??
    new DenoLauncher({
      denoPath,
      bootstrap: await writeBootstrap(`${runtimeDir}/bootstrap`),
      egressPort: options.egress?.port ?? null,
    });
  return new Supervisor({ ...DEFAULTS, clock: systemClock, ...options, launcher });
}

class Supervisor implements Runtime {
  readonly #options: Required<RuntimeOptions>;
  readonly #limiter: Limiter = createLimiter();
  readonly #deno: InstanceKind;
  readonly #blanks: BlankPools;
  readonly #pools = new Map<string, FunctionPool>();
  readonly #active = new Set<FunctionPool>();
  readonly #services: Omit<PoolServices, "takeBlank" | "requestBlank" | "giveBack">;
  /** All whose process or directory is still there. */
  readonly #instances = new Set<Instance>();
  #nextInstance = 0;
  #assigned = 0;
  #openCalls = 0;
  #tick: Timer | undefined;
  #stopping = false;
  #allOver: (() => void) | undefined;

  constructor(options: Required<RuntimeOptions>) {
    this.#options = options;
    const { clock, sink, idleTimeoutMs, queueLimit, queueTimeoutMs } = this.#options;
    const { launcher, poolSize } = this.#options;
    this.#deno = {
      name: "deno",
      launcher,
      poolSize,
      maxFileBytes: MAX_FILE_BYTES,
      hasScratch: false,
    };
    this.#blanks = new BlankPools((kind) => this.#openPool(kind));
    this.#blanks.of(this.#deno);
    this.#services = {
      clock,
      sink,
      idleTimeoutMs,
      queueLimit,
      queueTimeoutMs,
      released: () => void this.#assigned--,
      over: () => {
        if (--this.#openCalls === 0) this.#allOver?.();
      },
      active: (pool) => this.#activate(pool),
      emptied: (pool) => this.#emptied(pool),
    };
  }

  ready(): Promise<void> {
    return this.#blanks.filled();
  }

  // The cast: an invocation answers in the kind of its call.
  invoke<C extends Call>(version: FunctionVersion, call: C): Promise<ReplyTo<C>> {
    if (this.#stopping) {
      return Promise.reject(
        new OrlaError("unavailable", "This node is stopping", { retryAfterSeconds: 1 }),
      );
    }
    let pool: FunctionPool;
    try {
      pool = this.#poolOf(version);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#openCalls++;
    return pool.submit(call).reply as Promise<ReplyTo<C>>;
  }

  keepWarm(version: FunctionVersion): void {
    if (this.#stopping) return;
    try {
      this.#poolOf(version).keepWarm();
    } catch {
      // It cannot run here, as whoever calls it is told.
    }
  }

  retire(functionId: string, currentVersionId?: string): void {
    for (const pool of this.#pools.values()) {
      const { version } = pool;
      if (version.functionId !== functionId || version.versionId === currentVersionId) continue;
      pool.retire();
      if (pool.empty) this.#forget(pool);
    }
  }

  stats(): RuntimeStats {
    let [assigned, draining, running, waiting] = [0, 0, 0, 0];
    for (const pool of this.#pools.values()) {
      assigned += pool.instanceCount;
      draining += pool.drainingCount;
      running += pool.running;
      waiting += pool.waiting;
    }
    return {
      instances: { blank: this.#blanks.size, assigned, draining },
      calls: { running, waiting },
      startsFail: this.#blanks.of(this.#deno).failing,
      enforced: this.#limiter.enforced,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#callsOver();
    const pools = [...this.#pools.values()];
    for (const pool of pools) {
      pool.close(new OrlaError("unavailable", "This node is stopping"));
      pool.stopAll();
    }
    await this.#blanks[Symbol.asyncDispose]();
    await Promise.all([...this.#instances].map(({ gone }) => gone));
    this.#tick?.cancel();
    this.#limiter[Symbol.dispose]();
  }

  async #callsOver(): Promise<void> {
    if (this.#openCalls === 0) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#allOver = resolve;
      timer = this.#options.clock.after(this.#options.drainTimeoutMs, resolve);
    });
    timer?.cancel();
  }

  /** Throws OrlaError for a version that cannot run here. */
  #poolOf(version: FunctionVersion): FunctionPool {
    let pool = this.#pools.get(version.versionId);
    if (pool === undefined) {
      const kind = this.#options.otherKinds.kindOf(version) ?? this.#deno;
      const blanks = this.#blanks.of(kind);
      pool = new FunctionPool(version, {
        ...this.#services,
        takeBlank: () => this.#takeBlank(blanks),
        requestBlank: (receiver) => this.#requestBlank(blanks, receiver),
        giveBack: (instance) => {
          this.#assigned--;
          blanks.give(instance);
        },
      });
      this.#pools.set(version.versionId, pool);
    }
    return pool;
  }

  #openPool(kind: InstanceKind): BlankPool {
    const { clock, log } = this.#options;
    return new BlankPool({
      size: kind.poolSize,
      clock,
      start: () => this.#startBlank(kind),
      onError: ({ message, detail }) => log.warn(message, { detail }),
    });
  }

  async #startBlank({ launcher, maxFileBytes, hasScratch }: InstanceKind): Promise<Instance> {
    const { runtimeDir, clock, log, reaper, hostServices, egress } = this.#options;
    const id = `i${++this.#nextInstance}`;
    const directory = `${runtimeDir}/${id}`;
    const born: { instance?: Instance } = {};
    const started = await startInstance({
      directory,
      launcher,
      onSpawn: ({ pid, exited }) => {
        reaper.watch(pid, "KILL");
        exited.then(() => reaper.release(pid));
      },
      onLine: (stream, line) => {
        if (born.instance !== undefined) born.instance.printed(stream, line);
        else log.warn("a starting instance wrote", { instance: id, line });
      },
    });
    const instance = new Instance({
      ...{ id, directory, maxFileBytes, hasScratch, limiter: this.#limiter, clock, started },
      ...{ hostServices, egress },
    });
    born.instance = instance;
    this.#instances.add(instance);
    instance.gone.then(() => this.#instances.delete(instance));
    return instance;
  }

  #takeBlank(blanks: BlankPool): Instance | undefined {
    if (!this.#roomForAnother()) return undefined;
    const instance = blanks.take();
    if (instance !== undefined) this.#assigned++;
    return instance;
  }

  #requestBlank(blanks: BlankPool, receiver: Receiver): boolean {
    if (!this.#roomForAnother()) return false;
    this.#assigned++;
    blanks.request((taken) => {
      if (taken instanceof OrlaError) this.#assigned--;
      receiver(taken);
    });
    return true;
  }

  /** At the node's limit, the instance of any function that was idle longest gives way. */
  #roomForAnother(): boolean {
    if (this.#assigned < this.#options.maxTotalInstances) return true;
    let oldest: Instance | undefined;
    for (const pool of this.#pools.values()) {
      const candidate = pool.oldestIdle();
      if (candidate === undefined) continue;
      if (oldest === undefined || candidate.idleSince < oldest.idleSince) oldest = candidate;
    }
    oldest?.drain();
    // It counts until it is gone; the waiting call finds its place at the next tick.
    return false;
  }

  #activate(pool: FunctionPool): void {
    this.#active.add(pool);
    this.#armTick();
  }

  #armTick(): void {
    this.#tick ??= this.#options.clock.after(TICK_MS, () => this.#runTick());
  }

  #runTick(): void {
    this.#tick = undefined;
    const now = this.#options.clock.now();
    for (const pool of this.#active) {
      pool.tick(now);
      if (pool.quiet) this.#active.delete(pool);
    }
    if (this.#active.size > 0) this.#armTick();
  }

  #emptied(pool: FunctionPool): void {
    if (!pool.failing) this.#forget(pool);
  }

  #forget(pool: FunctionPool): void {
    if (this.#pools.get(pool.version.versionId) !== pool) return;
    this.#pools.delete(pool.version.versionId);
    this.#active.delete(pool);
    pool.close(new OrlaError("unavailable", "The version was replaced"));
  }
}
