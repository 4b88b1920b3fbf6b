/**
 * The calls of one version, and the instances they are given to.
 *
 * A call goes to the serving instance with the fewest calls that has room. When none has, a spare one
 * serves from now on, or one is taken from the blank pool, up to MAX_INSTANCES; when there is none
 * either, the call queues. What a pool has too many or too few instances of is `pool-upkeep.ts`'s
 * matter, and that computing calls want more processors than one `growth.ts`'s.
 *
 * A *retired* pool's version was replaced: it keeps serving callers who still come with that version,
 * but no idle instance stays.
 */
import { OrlaError } from "../base/errors.ts";
import type { Call } from "../functions/call.ts";
import { type FunctionVersion, qualifiedName } from "../functions/function.ts";
import { logLevels } from "../protocol/frame.ts";
import { Backoff } from "./backoff.ts";
import { CallQueue } from "./call-queue.ts";
import { DeadlineList } from "./deadline-list.ts";
import { wantsAnotherCore } from "./growth.ts";
import type { Instance } from "./instance.ts";
import type { InstanceOwner } from "./instance-owner.ts";
import { type EndReason, InstanceSet, type Role } from "./instance-set.ts";
import { Invocation, type InvocationContext } from "./invocation.ts";
import type { PoolReport } from "./pool-report.ts";
import type { PoolServices, Urgency } from "./pool-services.ts";
import { NO_INSTANCES, type PoolSize, poolSizeOf } from "./pool-size.ts";
import { PoolUpkeep } from "./pool-upkeep.ts";
import { Tenure } from "./tenure.ts";
import { WarmUp } from "./warm-up.ts";

/** A call that was lost this often before it began has had its chances. */
const MAX_LOST_DELIVERIES = 3;

/** From then on a call is shown as running; nearly all are over long before. */
const LASTING_MS = 500;

export class FunctionPool implements InstanceOwner {
  readonly version: FunctionVersion;
  readonly #services: PoolServices;
  readonly #context: InvocationContext;
  readonly #deadlines: DeadlineList<Invocation>;
  readonly #queue = new CallQueue();
  readonly #backoff = new Backoff();
  readonly #set = new InstanceSet();
  readonly #upkeep: PoolUpkeep;
  readonly #warmUp = new WarmUp(this.#set);
  #size: PoolSize;
  #closed: OrlaError | undefined;

  constructor(version: FunctionVersion, services: PoolServices) {
    this.version = version;
    this.#services = services;
    this.#size = poolSizeOf(version.options);
    this.#deadlines = new DeadlineList(services.clock);
    this.#upkeep = new PoolUpkeep({
      set: this.#set,
      size: () => this.#size,
      clock: services.clock,
      idleTimeoutMs: services.idleTimeoutMs,
      order: (role) => this.#mayStart() && this.#order(role, role === "serving" ? "soon" : "later"),
      end: (instance, reason) => this.#drain(instance, reason),
    });
    this.#context = {
      clock: services.clock,
      sink: services.sink,
      deadlines: this.#deadlines,
      over: (call) => {
        this.#queue.left(call);
        services.over();
      },
    };
  }

  get waiting(): number {
    return this.#queue.size;
  }

  get running(): number {
    let running = 0;
    for (const { load } of this.#set.running()) running += load;
    return running;
  }

  /** Processors its instances use at the moment. */
  get cpuShare(): number {
    let share = 0;
    for (const [, tenure] of this.#set.tenures()) share += tenure.cpuShare;
    return share;
  }

  /** Its instances failed lately; forgetting the pool would forget to back off. */
  get failing(): boolean {
    return this.#backoff.isSerious(this.#services.clock.now());
  }

  /** Its options want instances there, calls or not. */
  get expectsInstances(): boolean {
    return this.#size.least > 0 || this.#size.spare > 0;
  }

  /** Nothing here needs looking after. */
  get quiet(): boolean {
    return this.#queue.size === 0 && this.#set.serving.every(({ idle }) => idle) &&
      this.#set.draining.size === 0;
  }

  get empty(): boolean {
    return this.#queue.size === 0 && this.#set.empty;
  }

  report(): PoolReport {
    const { serving, spare, draining, ordered } = this.#set;
    const now = this.#services.clock.now();
    const importing = [...serving, ...spare].filter(({ state }) => state === "assigned").length;
    return {
      version: this.version,
      starting: ordered.serving + ordered.spare + importing,
      idle: serving.filter(({ idle, state }) => idle && state === "ready").length,
      busy: serving.filter(({ idle, state }) => !idle && state === "ready").length,
      spare: spare.filter(({ state }) => state === "ready").length,
      draining: draining.size,
      waiting: this.#queue.size,
      retired: this.#size === NO_INSTANCES,
      ...this.#backoff.report(now),
    };
  }

  submit(call: Call): Invocation {
    const invocation = new Invocation(this.version, call, this.#context);
    if (call.cancellation?.reason !== undefined) invocation.cancel();
    else if (this.#closed !== undefined) invocation.fail(this.#closed);
    else if (this.#queue.size === 0) this.#place(invocation);
    else this.#enqueue(invocation);
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
    if (this.#set.size === 0 && !this.#order("serving", "call")) throw this.#overloaded();
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

  /** The idle instance that was used longest ago; `kept` when the options want it to be there. */
  oldestIdle(): { readonly instance: Instance; readonly kept: boolean } | undefined {
    const [idle] = this.#set.idle();
    if (idle !== undefined && this.#set.serving.length > this.#size.least) {
      return { instance: idle, kept: false };
    }
    const instance = this.#set.spare[0] ?? idle;
    return instance === undefined ? undefined : { instance, kept: true };
  }

  /** To be called every tick while the pool is not quiet. */
  tick(now: number): void {
    for (const instance of [...this.#set.running()]) {
      for (const call of instance.tick(now)) this.#giveBackToQueue(call);
    }
    for (const invocation of this.#deadlines) {
      // All have the same TIMEOUT, so the order of deadlines is that of arrival.
      if (now - invocation.call.arrivedAt < LASTING_MS) break;
      invocation.lasts();
    }
    const { queueTimeoutMs } = this.#services;
    for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
      if (now - call.queuedAt < queueTimeoutMs) break;
      call.fail(this.#overloaded());
    }
    this.#dispatch();
    if (wantsAnotherCore(this.#set, now) && this.#mayGrow() && this.#services.hasFreeCore()) {
      this.#order("serving", "soon", () => this.#size !== NO_INSTANCES);
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
    this.#upkeep.stop();
    this.#deadlines.stop();
    this.#failQueue(reason);
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
    for (const call of unstarted.reverse()) this.#requeue(call);
    this.#dispatch();
    if (error !== undefined) this.#warmUp.failed(error);
    if (this.empty) this.#services.emptied(this);
  }

  surplusOf(instance: Instance): number {
    return this.#set.surplusOf(instance, this.version.options.concurrency);
  }

  onTakenBack(calls: Invocation[]): void {
    for (const call of calls) this.#giveBackToQueue(call);
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

  #place(call: Invocation): void {
    const instance = this.#pick();
    if (instance === undefined) this.#enqueue(call);
    else this.#deliver(instance, call);
  }

  #deliver(instance: Instance, call: Invocation): void {
    instance.deliver(call);
    this.#services.active(this);
  }

  #pick(): Instance | undefined {
    return this.#set.pick(this.version.options.concurrency) ?? this.#growNow();
  }

  #enqueue(call: Invocation): void {
    const blocked = this.#blockedBy();
    if (blocked !== undefined) return call.fail(blocked);
    if (this.#queue.size >= this.#services.queueLimit) {
      return call.fail(overloaded("Too many calls are waiting for this function"));
    }
    call.queuedAt = this.#services.clock.now();
    this.#queue.push(call);
    this.#services.active(this);
    this.#growForQueue();
  }

  /** For a call that an instance took with it. */
  #requeue(call: Invocation): void {
    if (++call.lostDeliveries < MAX_LOST_DELIVERIES) return this.#giveBackToQueue(call);
    call.fail(new OrlaError("instance_crashed", "Instances died before they began this call"));
  }

  #giveBackToQueue(call: Invocation): void {
    if (call.isOver) return;
    call.returned();
    call.queuedAt = this.#services.clock.now();
    this.#queue.pushFront(call);
  }

  #dispatch(): void {
    if (this.#queue.size === 0) return;
    if (this.#closed !== undefined) return this.#failQueue(this.#closed);
    for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
      const instance = this.#pick();
      if (instance === undefined) break;
      this.#queue.shift();
      this.#deliver(instance, call);
    }
    if (this.#queue.size === 0) return;
    const blocked = this.#blockedBy();
    if (blocked !== undefined) this.#failQueue(blocked);
    else this.#growForQueue();
  }

  #failQueue(error: OrlaError): void {
    for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
      call.fail(error);
    }
  }

  /** Failures in a row keep new instances from starting; live ones go on serving. */
  #blockedBy(): OrlaError | undefined {
    if (this.#set.serving.length > 0) return undefined;
    return this.#backoff.blockedBy(this.#services.clock.now());
  }

  #mayStart(): boolean {
    return this.#closed === undefined &&
      this.#backoff.blockedBy(this.#services.clock.now()) === undefined;
  }

  #mayGrow(): boolean {
    const { most } = this.#size === NO_INSTANCES ? poolSizeOf(this.version.options) : this.#size;
    return this.#set.size < most && this.#mayStart();
  }

  /** Another instance at once, when a spare or a blank one is ready. */
  #growNow(): Instance | undefined {
    const spare = this.#set.takeSpare();
    if (spare !== undefined) {
      this.#upkeep.fill();
      return spare;
    }
    if (!this.#mayGrow()) return undefined;
    const instance = this.#services.takeBlank();
    if (instance !== undefined) this.#adopt(instance, "serving");
    return instance;
  }

  #growForQueue(): void {
    const { concurrency } = this.version.options;
    while (this.#queue.size > this.#set.ordered.serving * concurrency && this.#mayGrow()) {
      if (!this.#order("serving", "call")) return;
    }
  }

  /** Orders another instance; returns whether one may come. `stillWanted` speaks beside the queue. */
  #order(role: Role, urgency: Urgency, stillWanted = () => this.#upkeep.misses(role)): boolean {
    const { ordered } = this.#set;
    ordered[role]++;
    const comes = this.#services.requestBlank(urgency, (taken) => {
      ordered[role]--;
      if (taken instanceof OrlaError) this.#notStarted(taken);
      else if (this.#closed !== undefined) this.#services.giveBack(taken);
      else if (this.#queue.size > 0) this.#adopt(taken, "serving");
      else if (stillWanted() || this.#warmUp.waits) this.#adopt(taken, role);
      else this.#services.giveBack(taken);
      this.#dispatch();
    });
    if (!comes) ordered[role]--;
    return comes;
  }

  #notStarted(error: OrlaError): void {
    if (this.#set.serving.length === 0) this.#failQueue(error);
    this.#warmUp.failed(error);
  }

  #adopt(instance: Instance, role: Role): void {
    const { clock, maxAgeMs, cpuMsOf } = this.#services;
    const { memoryMb, cpuLimitPercent } = this.version.options;
    const tenure = new Tenure({
      now: clock.now(),
      maxAgeMs,
      cpuMs: () => cpuMsOf(instance.pid),
      memoryUsedMb: () => instance.memoryUsedMb,
      ...{ memoryMb, cpuLimitPercent },
    });
    this.#set.add(instance, role, tenure);
    instance.assign(this.version, this);
  }

  #drain(instance: Instance, reason: EndReason): void {
    this.#set.drain(instance, reason);
    instance.drain();
  }

  /** No idle instance shall stay. */
  #isOver(): boolean {
    return this.#queue.size === 0 && (this.#size === NO_INSTANCES || this.#closed !== undefined);
  }

  #overloaded(): OrlaError {
    const full = this.#services.whyFull();
    // Its own limit is nearer than the node's.
    if (full === undefined || !this.#mayGrow()) return overloaded("No instance came free in time");
    return overloaded(`No room for another instance: ${full}`, "Retry later.");
  }
}

function overloaded(
  message: string,
  hint = "Retry later, or raise MAX_INSTANCES or CONCURRENCY.",
): OrlaError {
  return new OrlaError("overloaded", message, { hint, retryAfterSeconds: 1 });
}
