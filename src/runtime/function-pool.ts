/**
 * The calls of one version, and the instances they are given to.
 *
 * A call goes to the serving instance with the fewest calls that has room. When none has, another one
 * serves from now on, if `instance-supply.ts` has one; otherwise the call waits. What a pool has too
 * many or too few instances of is `pool-upkeep.ts`'s matter, and that computing calls want more
 * processors than one `growth.ts`'s.
 *
 * A *retired* pool's version was replaced: it keeps serving callers who still come with that version,
 * but no idle instance stays.
 */
import { OrlaError } from "../base/errors.ts";
import type { Call } from "../functions/call.ts";
import { type FunctionVersion, qualifiedName } from "../functions/function.ts";
import { logLevels } from "../protocol/frame.ts";
import { Backoff } from "./backoff.ts";
import { DeadlineList } from "./deadline-list.ts";
import { wantsAnotherCore } from "./growth.ts";
import type { Instance } from "./instance.ts";
import type { InstanceOwner } from "./instance-owner.ts";
import { type EndReason, InstanceSet } from "./instance-set.ts";
import { InstanceSupply } from "./instance-supply.ts";
import { Invocation, type InvocationContext } from "./invocation.ts";
import { tellLasting } from "./lasting-calls.ts";
import { countInstances, type PoolReport } from "./pool-report.ts";
import type { PoolServices } from "./pool-services.ts";
import { NO_INSTANCES, type PoolSize, poolSizeOf } from "./pool-size.ts";
import { PoolUpkeep } from "./pool-upkeep.ts";
import { WaitingCalls } from "./waiting-calls.ts";
import { WarmUp } from "./warm-up.ts";

export class FunctionPool implements InstanceOwner {
  readonly version: FunctionVersion;
  readonly #services: PoolServices;
  readonly #context: InvocationContext;
  readonly #deadlines: DeadlineList<Invocation>;
  readonly #waiting: WaitingCalls;
  readonly #backoff = new Backoff();
  readonly #set = new InstanceSet();
  readonly #supply: InstanceSupply;
  readonly #upkeep: PoolUpkeep;
  readonly #warmUp = new WarmUp(this.#set);
  #size: PoolSize;
  #closed: OrlaError | undefined;

  constructor(version: FunctionVersion, services: PoolServices) {
    this.version = version;
    this.#services = services;
    this.#size = poolSizeOf(version.options);
    this.#deadlines = new DeadlineList(services.clock);
    const { clock, idleTimeoutMs, queueLimit, queueTimeoutMs } = services;
    this.#waiting = new WaitingCalls({ clock, limit: queueLimit, timeoutMs: queueTimeoutMs });
    const [set, size] = [this.#set, () => this.#size];
    this.#supply = new InstanceSupply({
      ...{ version, services, set, size, backoff: this.#backoff, owner: this },
      waiting: () => this.#waiting.size,
      isWanted: (role) => this.#upkeep.misses(role) || this.#warmUp.waits,
      arrived: (error) => this.#arrived(error),
    });
    this.#upkeep = new PoolUpkeep({
      ...{ set, size, clock, idleTimeoutMs },
      order: (role) => this.#supply.provide(role),
      end: (instance, reason) => this.#drain(instance, reason),
    });
    this.#context = {
      clock: services.clock,
      sink: services.sink,
      deadlines: this.#deadlines,
      over: (call) => {
        this.#waiting.left(call);
        services.over();
      },
    };
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get running(): number {
    return this.#set.load;
  }

  /** Processors its instances use at the moment. */
  get cpuShare(): number {
    return this.#set.cpuShare;
  }

  /** To be kept though it is empty: its options want instances, or it has to back off. */
  get isKept(): boolean {
    return this.#size.least + this.#size.spare > 0 ||
      this.#backoff.isSerious(this.#services.clock.now());
  }

  /** Nothing here needs looking after. */
  get quiet(): boolean {
    return this.#waiting.size === 0 && this.#set.quiet;
  }

  get empty(): boolean {
    return this.#waiting.size === 0 && this.#set.empty;
  }

  report(): PoolReport {
    return {
      version: this.version,
      ...countInstances(this.#set),
      waiting: this.#waiting.size,
      retired: this.#size === NO_INSTANCES,
      ...this.#backoff.report(this.#services.clock.now()),
    };
  }

  submit(call: Call): Invocation {
    const invocation = new Invocation(this.version, call, this.#context);
    if (call.cancellation?.reason !== undefined) invocation.cancel();
    else if (this.#closed !== undefined) invocation.fail(this.#closed);
    else {
      const instance = this.#waiting.size === 0 ? this.#pick() : undefined;
      if (instance === undefined) this.#enqueue(invocation);
      else this.#deliver(instance, invocation);
    }
    return invocation;
  }

  /** Starts what the options want to be there. */
  keepWarm(): void {
    this.#upkeep.fill();
  }

  /** Resolves when an instance, and all that the options want, can take calls at once. */
  async warm(): Promise<void> {
    const blocked = this.#closed ?? this.#blockedBy();
    if (blocked !== undefined) throw blocked;
    this.#upkeep.fill();
    if (this.#set.size === 0 && !this.#supply.order("call")) throw this.#supply.refusal();
    await this.#warmUp.done();
  }

  retire(): void {
    this.#size = NO_INSTANCES;
    this.#upkeep.endIdle(0);
  }

  /** Gives up an idle instance to make room for others. */
  evict(instance: Instance): void {
    this.#drain(instance, "evicted");
  }

  /** A candidate to be given up; `kept` when the options want it to be there. */
  oldestIdle(): { readonly instance: Instance; readonly kept: boolean } | undefined {
    return this.#set.oldestIdle(this.#size.least);
  }

  /** To be called every tick while the pool is not quiet. */
  tick(now: number): void {
    for (const instance of [...this.#set.running()]) {
      for (const call of instance.tick(now)) this.#waiting.giveBack(call);
    }
    tellLasting(this.#deadlines, now);
    this.#waiting.expire(now, () => this.#supply.refusal());
    this.#dispatch();
    if (wantsAnotherCore(this.#set, now) && this.#services.hasFreeCore()) {
      this.#supply.order("soon");
    }
  }

  /** To be called every second or so. */
  upkeep(now: number): void {
    if (this.#closed === undefined && this.#size !== NO_INSTANCES) this.#upkeep.look(now);
  }

  /** Room has come free on the node. */
  roomCame(): void {
    this.#dispatch();
  }

  /** Takes no more calls; those that wait are refused. */
  close(reason: OrlaError): void {
    this.#closed = reason;
    this.#supply.close();
    this.#upkeep.stop();
    this.#deadlines.stop();
    this.#waiting.failAll(reason);
    this.#warmUp.failed(reason);
    for (const instance of [...this.#set.serving, ...this.#set.spare]) {
      this.#drain(instance, "stopped");
    }
  }

  stopAll(): void {
    for (const instance of [...this.#set.running(), ...this.#set.spare]) instance.stop();
  }

  onRoom(instance: Instance, cause: "imported" | "answered"): void {
    if (cause === "answered") this.#backoff.succeeded();
    this.#dispatch();
    if (cause === "imported") {
      this.#upkeep.imported(instance);
      this.#warmUp.look();
    }
    if (instance.idle) this.#upkeep.idle(instance, this.#isOver());
  }

  onDraining(instance: Instance): void {
    this.#set.drain(instance, "failed");
    this.#dispatch();
  }

  onGone(instance: Instance, error: OrlaError | undefined, unstarted: Invocation[]): void {
    const reason = this.#set.remove(instance);
    if (error !== undefined) this.#backoff.failed(error, this.#services.clock.now());
    this.#services.released(instance, error !== undefined ? "failed" : reason ?? "stopped");
    for (const call of unstarted.reverse()) this.#waiting.lost(call);
    this.#dispatch();
    if (error !== undefined) this.#warmUp.failed(error);
    if (this.empty) this.#services.emptied(this);
  }

  surplusOf(instance: Instance): number {
    return this.#set.surplusOf(instance, this.version.options.concurrency);
  }

  onTakenBack(calls: Invocation[]): void {
    for (const call of calls) this.#waiting.giveBack(call);
    this.#dispatch();
  }

  onLog(executionId: string | null, level: number, message: string): void {
    this.#services.sink.log({
      executionId,
      functionId: qualifiedName(this.version),
      version: this.version.version,
      level: logLevels[level] ?? "info",
      message,
      at: Date.now(),
    });
  }

  #deliver(instance: Instance, call: Invocation): void {
    instance.deliver(call);
    this.#services.active(this);
  }

  #pick(): Instance | undefined {
    const serving = this.#set.pick(this.version.options.concurrency);
    if (serving !== undefined) return serving;
    const another = this.#supply.now();
    // It may have been a spare one, which is replaced.
    if (another !== undefined) this.#upkeep.fill();
    return another;
  }

  #enqueue(call: Invocation): void {
    const blocked = this.#blockedBy();
    if (blocked !== undefined) return call.fail(blocked);
    if (!this.#waiting.add(call)) return;
    this.#services.active(this);
    this.#supply.orderForCalls();
  }

  #dispatch(): void {
    if (this.#waiting.size === 0) return;
    if (this.#closed !== undefined) return this.#waiting.failAll(this.#closed);
    this.#waiting.serve(() => this.#pick(), (instance, call) => this.#deliver(instance, call));
    if (this.#waiting.size === 0) return;
    const blocked = this.#blockedBy();
    if (blocked !== undefined) this.#waiting.failAll(blocked);
    else this.#supply.orderForCalls();
  }

  /** Failures in a row keep new instances from starting; live ones go on serving. */
  #blockedBy(): OrlaError | undefined {
    if (this.#set.serving.length > 0) return undefined;
    return this.#backoff.blockedBy(this.#services.clock.now());
  }

  #arrived(error: OrlaError | undefined): void {
    if (error !== undefined) {
      if (this.#set.serving.length === 0) this.#waiting.failAll(error);
      this.#warmUp.failed(error);
    }
    this.#dispatch();
  }

  #drain(instance: Instance, reason: EndReason): void {
    this.#set.drain(instance, reason);
    instance.drain();
  }

  /** No idle instance shall stay. */
  #isOver(): boolean {
    return this.#waiting.size === 0 && (this.#size === NO_INSTANCES || this.#closed !== undefined);
  }
}
