/**
 * Runs functions: keeps blank processes ready, a pool of instances for each version that is called,
 * and ends all of them when it is disposed. Nothing here knows HTTP or SQL; calls come in as
 * `Call`s, and what happened goes out through the `ExecutionSink`.
 */
import { OrlaError } from "../base/errors.ts";
import type { Call, ReplyTo } from "../functions/call.ts";
import type { FunctionVersion } from "../functions/function.ts";
import type { BlankPool, Receiver } from "./blank-pool.ts";
import { BlankPools } from "./blank-pools.ts";
import { BlankStarter } from "./blank-starter.ts";
import type { Timer } from "./clock.ts";
import { createLimiter } from "./create-limiter.ts";
import { FunctionPool } from "./function-pool.ts";
import type { Instance } from "./instance.ts";
import type { InstanceKind } from "./instance-kind.ts";
import { type EndReason, endReasons } from "./instance-set.ts";
import { type Limiter, MAX_FILE_BYTES } from "./limits.ts";
import { type Evictable, NodeRoom } from "./node-room.ts";
import type { PoolReport } from "./pool-report.ts";
import type { PoolServices, Urgency } from "./pool-services.ts";
import { poolSizeOf } from "./pool-size.ts";
import type { EndCounts, Runtime, RuntimeOptions, RuntimeStats } from "./runtime.ts";

/** Hung event loops, memory and waiting times are looked at this often while calls are open. */
const TICK_MS = 100;

/** A processor counts as free when so much of it is. */
const FREE_CORE_SHARE = 0.5;

/** Memory is measured, and missing or old instances are replaced, this often. */
const UPKEEP_MS = 1000;

export class Supervisor implements Runtime {
  readonly #options: Required<RuntimeOptions>;
  readonly #limiter: Limiter = createLimiter();
  readonly #deno: InstanceKind;
  readonly #blanks: BlankPools;
  readonly #pools = new Map<string, FunctionPool>();
  readonly #active = new Set<FunctionPool>();
  readonly #services: Omit<PoolServices, "takeBlank" | "requestBlank" | "giveBack">;
  readonly #starter: BlankStarter;
  readonly #room: NodeRoom;
  readonly #ended = Object.fromEntries(endReasons.map((reason) => [reason, 0])) as EndCounts;
  #openCalls = 0;
  #tick: Timer | undefined;
  #upkeep: Timer | undefined;
  #stopping = false;
  #allOver: (() => void) | undefined;

  constructor(options: Required<RuntimeOptions>) {
    this.#options = options;
    const { clock, sink, idleTimeoutMs, maxAgeMs, queueLimit, queueTimeoutMs } = options;
    const { launcher, poolSize, maxTotalInstances, memoryBudgetBytes } = options;
    this.#room = new NodeRoom({
      maxInstances: maxTotalInstances,
      memoryBudgetBytes,
      memoryOf: (pid) => this.#limiter.memoryOf(pid),
      evictables: () => this.#evictables(),
    });
    this.#deno = {
      name: "deno",
      launcher,
      poolSize,
      maxFileBytes: MAX_FILE_BYTES,
      hasScratch: false,
    };
    this.#starter = new BlankStarter({ ...options, limiter: this.#limiter, room: this.#room });
    this.#blanks = new BlankPools((kind) => this.#starter.openPool(kind));
    this.#blanks.of(this.#deno);
    this.#services = {
      clock,
      sink,
      idleTimeoutMs,
      maxAgeMs,
      queueLimit,
      queueTimeoutMs,
      whyFull: () => this.#room.whyFull(),
      hasFreeCore: () => this.#hasFreeCore(),
      cpuMsOf: (pid) => this.#limiter.cpuMsOf(pid),
      released: (instance, reason) => this.#released(instance, reason),
      over: () => {
        if (--this.#openCalls === 0) this.#allOver?.();
      },
      active: (pool) => this.#activate(pool),
      emptied: (pool) => this.#emptied(pool),
    };
    this.#armUpkeep();
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
    const { least, spare } = poolSizeOf(version.options);
    if (this.#stopping || !version.options.enabled || least + spare === 0) return;
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

  async warm(version: FunctionVersion): Promise<void> {
    if (this.#stopping) throw new OrlaError("unavailable", "This node is stopping");
    await this.#poolOf(version).warm();
  }

  stats(): RuntimeStats {
    const sums = { starting: 0, idle: 0, busy: 0, spare: 0, draining: 0 };
    let [running, waiting] = [0, 0];
    for (const pool of this.#pools.values()) {
      const report = pool.report();
      sums.starting += report.starting;
      sums.idle += report.idle;
      sums.busy += report.busy;
      sums.spare += report.spare;
      sums.draining += report.draining;
      running += pool.running;
      waiting += pool.waiting;
    }
    return {
      instances: { blank: this.#blanks.size, ...sums },
      ended: { ...this.#ended },
      memoryBytes: this.#room.memoryBytes,
      calls: { running, waiting },
      startsFail: this.#blanks.of(this.#deno).failing,
      enforced: this.#limiter.enforced,
    };
  }

  report(): PoolReport[] {
    return [...this.#pools.values()].map((pool) => pool.report());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#starter.stopping();
    this.#upkeep?.cancel();
    await this.#callsOver();
    const pools = [...this.#pools.values()];
    for (const pool of pools) {
      pool.close(new OrlaError("unavailable", "This node is stopping"));
      pool.stopAll();
    }
    await this.#blanks[Symbol.asyncDispose]();
    await Promise.all([...this.#starter.instances].map(({ gone }) => gone));
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
        requestBlank: (urgency, receiver) => this.#requestBlank(blanks, urgency, receiver),
        giveBack: (instance) => {
          this.#room.free();
          blanks.give(instance);
        },
      });
      this.#pools.set(version.versionId, pool);
    }
    return pool;
  }

  #takeBlank(blanks: BlankPool): Instance | undefined {
    if (blanks.size === 0 || !this.#room.take("call")) return undefined;
    const instance = blanks.take();
    if (instance === undefined) this.#room.free();
    return instance;
  }

  #requestBlank(blanks: BlankPool, urgency: Urgency, receiver: Receiver): boolean {
    // What may come some time gives way to what waits.
    if (urgency === "later" && this.#someWait()) return false;
    if (!this.#room.take(urgency)) return false;
    blanks.request(urgency, (taken) => {
      if (taken instanceof OrlaError) this.#room.free();
      receiver(taken);
    });
    return true;
  }

  *#evictables(): Iterable<Evictable> {
    for (const pool of this.#pools.values()) {
      const candidate = pool.oldestIdle();
      if (candidate === undefined) continue;
      const { instance, kept } = candidate;
      yield { instance, kept, evict: () => pool.evict(instance) };
    }
  }

  #someWait(): boolean {
    for (const { waiting } of this.#active) if (waiting > 0) return true;
    return false;
  }

  #released(instance: Instance, reason: EndReason): void {
    this.#ended[reason]++;
    this.#room.free(instance);
    for (const pool of this.#active) if (pool.waiting > 0) pool.roomCame();
  }

  #hasFreeCore(): boolean {
    let used = 0;
    for (const { cpuShare } of this.#active) used += cpuShare;
    return used + FREE_CORE_SHARE <= this.#options.cores;
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

  #armUpkeep(): void {
    this.#upkeep = this.#options.clock.after(UPKEEP_MS, () => {
      const now = this.#options.clock.now();
      this.#room.measure();
      for (const instance of this.#starter.instances) instance.look(now);
      this.#blanks.upkeep();
      for (const pool of this.#pools.values()) {
        pool.upkeep(now);
        if (pool.empty) this.#emptied(pool);
      }
      this.#armUpkeep();
    });
  }

  #emptied(pool: FunctionPool): void {
    if (!pool.isKept) this.#forget(pool);
  }

  #forget(pool: FunctionPool): void {
    if (this.#pools.get(pool.version.versionId) !== pool) return;
    this.#pools.delete(pool.version.versionId);
    this.#active.delete(pool);
    pool.close(new OrlaError("unavailable", "The version was replaced"));
  }
}
