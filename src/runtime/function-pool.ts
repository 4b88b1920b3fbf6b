/**
 * The instances of one version, and the calls that wait for them.
 *
 * A call goes to the instance with the fewest calls that has room; when none has, another instance
 * is taken from the blank pool, up to MAX_INSTANCES; when there is none either, the call queues.
 * Idle instances end after a while, down to MIN_INSTANCES. A *retired* pool's version was replaced:
 * it keeps serving callers who still come with that version, but no idle instance stays.
 */
import { OrlaError } from "../base/errors.ts";
import { type FunctionVersion, qualifiedName } from "../functions/function.ts";
import { logLevels } from "../protocol/frame.ts";
import { Backoff } from "./backoff.ts";
import { CallQueue } from "./call-queue.ts";
import type { Timer } from "./clock.ts";
import { DeadlineList } from "./deadline-list.ts";
import type { Instance, InstanceOwner } from "./instance.ts";
import { Invocation, type InvocationContext } from "./invocation.ts";
import type { PoolServices } from "./pool-services.ts";
import type { Call } from "../functions/call.ts";

/** A call that was lost this often before it began has had its chances. */
const MAX_LOST_DELIVERIES = 3;

export class FunctionPool implements InstanceOwner {
  readonly version: FunctionVersion;
  readonly #services: PoolServices;
  readonly #context: InvocationContext;
  readonly #deadlines: DeadlineList<Invocation>;
  readonly #queue = new CallQueue();
  readonly #backoff = new Backoff();
  /** Those that may get calls. */
  readonly #instances: Instance[] = [];
  readonly #draining = new Set<Instance>();
  #starting = 0;
  #retired = false;
  #closed: OrlaError | undefined;
  #idleTimer: Timer | undefined;

  constructor(version: FunctionVersion, services: PoolServices) {
    this.version = version;
    this.#services = services;
    this.#deadlines = new DeadlineList(services.clock);
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

  get instanceCount(): number {
    return this.#instances.length;
  }

  get drainingCount(): number {
    return this.#draining.size;
  }

  get running(): number {
    let running = 0;
    for (const { load } of this.#instances) running += load;
    for (const { load } of this.#draining) running += load;
    return running;
  }

  /** Its instances failed lately; forgetting the pool would forget to back off. */
  get failing(): boolean {
    return this.#backoff.failures > 0;
  }

  /** Nothing here needs looking after. */
  get quiet(): boolean {
    return this.#queue.size === 0 && this.#instances.every(({ idle }) => idle) &&
      this.#draining.size === 0;
  }

  get empty(): boolean {
    return this.#queue.size === 0 && this.#instances.length === 0 && this.#draining.size === 0 &&
      this.#starting === 0;
  }

  submit(call: Call): Invocation {
    const invocation = new Invocation(this.version, call, this.#context);
    if (call.cancellation?.reason !== undefined) invocation.cancel();
    else if (this.#closed !== undefined) invocation.fail(this.#closed);
    else if (this.#queue.size === 0) this.#place(invocation);
    else this.#enqueue(invocation);
    return invocation;
  }

  /** Starts instances until MIN_INSTANCES are there. */
  keepWarm(): void {
    const { minInstances } = this.version.options;
    const missing = minInstances - this.#instances.length - this.#starting;
    for (let i = 0; i < missing; i++) this.#grow();
  }

  retire(): void {
    this.#retired = true;
    this.#endIdle(0);
  }

  /** The idle instance that was used longest ago, as a candidate to make room for others. */
  oldestIdle(): Instance | undefined {
    let oldest: Instance | undefined;
    for (const instance of this.#instances) {
      if (!instance.idle) continue;
      if (oldest === undefined || instance.idleSince < oldest.idleSince) oldest = instance;
    }
    return oldest;
  }

  /** To be called every tick while the pool is not quiet. */
  tick(now: number): void {
    for (const instance of [...this.#instances, ...this.#draining]) {
      for (const call of instance.tick(now)) this.#requeue(call);
    }
    const { queueTimeoutMs } = this.#services;
    for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
      if (now - call.queuedAt < queueTimeoutMs) break;
      call.fail(overloaded("No instance came free in time"));
    }
    this.#dispatch();
  }

  /** Takes no more calls; those that wait are refused. */
  close(reason: OrlaError): void {
    this.#closed = reason;
    this.#idleTimer?.cancel();
    this.#deadlines.stop();
    this.#failQueue(reason);
    for (const instance of [...this.#instances]) this.#drain(instance);
  }

  stopAll(): void {
    for (const instance of [...this.#instances, ...this.#draining]) instance.stop();
  }

  onRoom(instance: Instance, cause: "imported" | "answered"): void {
    if (cause === "answered") this.#backoff.succeeded();
    this.#dispatch();
    if (instance.idle) this.#watchIdle(instance);
  }

  onDraining(instance: Instance): void {
    this.#leave(instance);
    this.#draining.add(instance);
    this.#dispatch();
  }

  onGone(instance: Instance, error: OrlaError | undefined, unstarted: Invocation[]): void {
    this.#leave(instance);
    this.#draining.delete(instance);
    this.#services.released();
    if (error !== undefined) this.#backoff.failed(error, this.#services.clock.now());
    for (const call of unstarted.reverse()) this.#requeue(call);
    this.#dispatch();
    if (this.empty) this.#services.emptied(this);
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
    const instance = this.#pick() ?? this.#growNow();
    if (instance === undefined) this.#enqueue(call);
    else this.#deliver(instance, call);
  }

  #deliver(instance: Instance, call: Invocation): void {
    instance.deliver(call);
    this.#services.active(this);
  }

  #pick(): Instance | undefined {
    const { concurrency } = this.version.options;
    let best: Instance | undefined;
    for (const instance of this.#instances) {
      if (!instance.hasRoom(concurrency)) continue;
      if (best === undefined || instance.load < best.load) best = instance;
      if (best.load === 0) break;
    }
    return best;
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

  #requeue(call: Invocation): void {
    if (call.isOver) return;
    call.returned();
    if (call.lostDeliveries >= MAX_LOST_DELIVERIES) {
      const error = new OrlaError("instance_crashed", "Instances died before they began this call");
      return call.fail(error);
    }
    call.queuedAt = this.#services.clock.now();
    this.#queue.pushFront(call);
  }

  #dispatch(): void {
    if (this.#queue.size === 0) return;
    if (this.#closed !== undefined) return this.#failQueue(this.#closed);
    for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
      const instance = this.#pick() ?? this.#growNow();
      if (instance === undefined) break;
      this.#queue.shift();
      this.#deliver(instance, call);
    }
    if (this.#queue.size === 0) return;
    const blocked = this.#instances.length === 0 ? this.#blockedBy() : undefined;
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
    if (this.#instances.length > 0) return undefined;
    return this.#backoff.blockedBy(this.#services.clock.now());
  }

  #mayGrow(): boolean {
    return this.#closed === undefined &&
      this.#instances.length + this.#starting < this.version.options.maxInstances &&
      this.#backoff.blockedBy(this.#services.clock.now()) === undefined;
  }

  /** Another instance at once, when a blank one is ready. */
  #growNow(): Instance | undefined {
    if (!this.#mayGrow()) return undefined;
    const instance = this.#services.takeBlank();
    if (instance !== undefined) this.#adopt(instance);
    return instance;
  }

  #growForQueue(): void {
    const { concurrency } = this.version.options;
    while (this.#queue.size > this.#starting * concurrency && this.#mayGrow()) {
      if (!this.#grow()) return;
    }
  }

  /** Orders another instance; returns whether one may come. */
  #grow(): boolean {
    this.#starting++;
    const ordered = this.#services.requestBlank((taken) => {
      this.#starting--;
      if (taken instanceof OrlaError) {
        if (this.#instances.length === 0) this.#failQueue(taken);
      } else if (this.#needsAnother()) this.#adopt(taken);
      else this.#services.giveBack(taken);
      this.#dispatch();
    });
    if (!ordered) this.#starting--;
    return ordered;
  }

  #needsAnother(): boolean {
    const short = !this.#retired && this.#instances.length < this.version.options.minInstances;
    return this.#closed === undefined && (this.#queue.size > 0 || short);
  }

  #adopt(instance: Instance): void {
    this.#instances.push(instance);
    instance.assign(this.version, this);
  }

  #leave(instance: Instance): void {
    const index = this.#instances.indexOf(instance);
    if (index >= 0) this.#instances.splice(index, 1);
  }

  #drain(instance: Instance): void {
    this.#leave(instance);
    this.#draining.add(instance);
    instance.drain();
  }

  #watchIdle(instance: Instance): void {
    if (this.#retired || this.#closed !== undefined) {
      if (this.#queue.size === 0) this.#drain(instance);
      return;
    }
    if (this.#instances.length <= this.version.options.minInstances) return;
    this.#armIdle(this.#services.idleTimeoutMs);
  }

  #armIdle(waitMs: number): void {
    this.#idleTimer ??= this.#services.clock.after(Math.max(1, waitMs), () => {
      this.#idleTimer = undefined;
      this.#endIdle(this.#services.idleTimeoutMs);
    });
  }

  /** Ends what has been idle for that long, the longest idle first. */
  #endIdle(afterMs: number): void {
    const { clock } = this.#services;
    const keep = this.#retired ? 0 : this.version.options.minInstances;
    const idle = this.#instances.filter((instance) => instance.idle)
      .sort((a, b) => a.idleSince - b.idleSince);
    for (const instance of idle) {
      if (this.#instances.length <= keep) return;
      const left = instance.idleSince + afterMs - clock.now();
      if (left > 0) return this.#armIdle(left);
      this.#drain(instance);
    }
  }
}

function overloaded(message: string): OrlaError {
  return new OrlaError("overloaded", message, {
    hint: "Retry later, or raise MAX_INSTANCES or CONCURRENCY.",
    retryAfterSeconds: 1,
  });
}
