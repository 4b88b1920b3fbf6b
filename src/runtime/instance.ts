/**
 * One process and what it is doing.
 *
 * It is *blank* once its process has connected: no code, nothing to lose. `assign` makes it
 * *assigned*: the module is on its way and calls may be delivered already, which the process keeps
 * until its import is done. *Ready* says the import succeeded. A *draining* instance gets no more
 * calls and ends when the last one is over: because its version was replaced, because nobody needs
 * it, or because something in it went wrong. *Gone* is final: the process is dead, its directory
 * removed. Any state can become gone at any time; that is what an instance is for.
 *
 * Its calls are its `deliveries`. When one lingers that was given up, the instance drains and ends
 * with it.
 */
import { OrlaError } from "../base/errors.ts";
import type { InstanceOwner } from "./instance-owner.ts";
import { removeTree } from "../base/remove-tree.ts";
import type { EgressGate } from "../functions/egress.ts";
import type { FunctionVersion } from "../functions/function.ts";
import type { HostServices } from "../functions/host-services.ts";
import { type Frame, FrameType } from "../protocol/frame.ts";
import { encodeMessage, type WireError } from "../protocol/messages.ts";
import type { Outbox } from "../protocol/outbox.ts";
import { AssignedFunction } from "./assigned-function.ts";
import type { Clock } from "./clock.ts";
import type { Ending } from "./crash.ts";
import { Deliveries, lastStarted } from "./deliveries.ts";
import { Delivery, type DeliveryHost } from "./delivery.ts";
import { dispatchFrame, type FrameEvents } from "./frame-dispatch.ts";
import { FramePace } from "./frame-pace.ts";
import { cpuLimitExceeded } from "./function-error.ts";
import { HostCalls } from "./host-calls.ts";
import { InstanceChannel } from "./instance-channel.ts";
import { InstanceEnd } from "./instance-end.ts";
import { InstanceLimits } from "./instance-limits.ts";
import { InstanceLog } from "./instance-log.ts";
import type { StartedInstance } from "./instance-start.ts";
import type { Invocation } from "./invocation.ts";
import type { InstanceProcess } from "./launcher.ts";
import { LifeSigns } from "./life-signs.ts";
import type { Limiter } from "./limits.ts";
import { Pulse } from "./pulse.ts";

export type InstanceState = "blank" | "assigned" | "ready" | "draining" | "gone";

export interface InstanceOptions {
  readonly id: string;
  readonly directory: string;
  readonly maxFileBytes: number;
  readonly hasScratch: boolean;
  readonly limiter: Limiter;
  readonly clock: Clock;
  readonly started: StartedInstance;
  readonly hostServices: HostServices;
  readonly egress: EgressGate | null;
}

export class Instance {
  readonly id: string;
  readonly pid: number;
  readonly gone: Promise<void>;
  idleSince: number;
  #state: InstanceState = "blank";
  /** Until then it is blank. */
  #assigned: AssignedFunction | undefined;
  readonly #options: InstanceOptions;
  readonly #process: InstanceProcess;
  readonly #channel: InstanceChannel;
  readonly #outbox: Outbox;
  readonly #deliveries = new Deliveries((open, now) => this.#limits.cpu.share(open, now));
  readonly #limits: InstanceLimits;
  readonly #log: InstanceLog;
  readonly #host: DeliveryHost;
  readonly #life: LifeSigns;
  readonly #hostCalls: HostCalls;
  readonly #ending: InstanceEnd;
  /** The time of the frame that is being dispatched: asked for once, not by all who need it. */
  #heardAt = 0;

  constructor(options: InstanceOptions) {
    const { id, started: { process, connection }, clock } = options;
    this.id = id;
    this.pid = process.pid;
    this.idleSince = clock.now();
    this.#options = options;
    this.#process = process;
    this.#ending = new InstanceEnd(process, clock);
    this.#log = new InstanceLog(options.directory, clock.now());
    this.#limits = new InstanceLimits({
      ...options,
      process,
      highestCharge: (now) => this.#deliveries.highestCharge(now),
      overspent: (cpuTimeMs) => this.#overspent(cpuTimeMs),
    });
    const closed = Promise.withResolvers<unknown>();
    const events = this.#events();
    const pace = new FramePace(clock.now());
    const onFrame = (frame: Frame) => {
      this.#heardAt = clock.now();
      this.#life.beat();
      pace.count();
      dispatchFrame(frame, this.#deliveries, events, this.#heardAt);
    };
    this.#channel = new InstanceChannel(connection, {
      onFrame,
      pauseMs: () => pace.pauseMs(clock.now()),
      onClosed: closed.resolve,
    });
    this.#outbox = this.#channel.outbox;
    this.#host = {
      outbox: this.#outbox,
      abandon: (delivery, timedOut) => this.#abandon(delivery, timedOut),
      memoryUsedMb: () => this.#limits.memoryUsedMb,
      cpuSince: (from, now) => this.#limits.cpu.chargeSince(from, now),
    };
    this.#life = new LifeSigns({
      clock,
      cpu: this.#limits.cpu,
      ping: () => this.#outbox.bytes(FrameType.ping, 0, 0),
      hung: () => this.#end({ kind: "hung" }),
    });
    this.#hostCalls = new HostCalls({
      services: options.hostServices,
      outbox: this.#outbox,
      instanceId: id,
      version: () => this.#assigned?.version,
      invocationOf: (callId) => this.#deliveries.waitedFor(callId),
    });
    this.gone = this.#watchEnd(closed.promise);
  }

  get state(): InstanceState {
    return this.#state;
  }

  /** Calls that hold a place. */
  get load(): number {
    return this.#deliveries.load;
  }

  /** Nothing happens in it, not even work after a response. */
  get idle(): boolean {
    return this.#deliveries.open === 0;
  }

  /** At the last sample. */
  get memoryUsedMb(): number | null {
    return this.#limits.memoryUsedMb;
  }

  /** Whether another call may be delivered. */
  hasRoom(concurrency: number): boolean {
    return this.#deliveries.load < concurrency && this.#life.responsive &&
      (this.#state === "ready" || this.#state === "assigned");
  }

  /** Gives the blank process its function. Rejects nothing: what goes wrong ends the instance. */
  assign(version: FunctionVersion, owner: InstanceOwner): void {
    const { directory } = this.#options;
    this.#state = "assigned";
    this.idleSince = this.#options.clock.now();
    const assigned = this.#assigned = new AssignedFunction(version, owner, directory);
    try {
      this.#limits.begin(version);
      this.#log.begin(version, (...line) => owner.onLog(...line));
      const assignment = assigned.prepare({
        uid: this.#process.uid,
        egress: this.#options.egress,
        onRefused: (sentence) => this.#log.warn(sentence),
      });
      this.#outbox.text(FrameType.assign, 0, 0, encodeMessage(assignment));
    } catch (cause) {
      const reason = new OrlaError("unavailable", "an instance could not be prepared", { cause });
      this.#end({ kind: "failed", reason });
    }
  }

  deliver(invocation: Invocation): void {
    const deliveries = this.#deliveries;
    const callId = deliveries.takeId();
    const now = this.#options.clock.now();
    const sentAt = this.#limits.cpu.activeTime(now);
    const delivery = new Delivery(invocation, callId, sentAt, this.#host);
    if (deliveries.load === 0) this.#life.restart();
    deliveries.add(delivery, now);
    delivery.cpuFrom = this.#limits.cpu.shared;
    invocation.deliver(delivery, now);
    if (deliveries.idsUsedUp) this.drain();
  }

  /** A line it wrote to its output: untrusted, and belonging to its function. */
  printed(stream: "stdout" | "stderr", line: string): void {
    this.#log.printed(stream, line, this.#options.clock.now());
  }

  /** Ends once its calls are over; at once when there are none. */
  drain(): void {
    if (this.#state === "gone" || this.#ending.isDecided) return;
    this.#state = "draining";
    if (this.idle) this.stop();
  }

  stop(): void {
    this.#end({ kind: "stopped" });
  }

  /**
   * To be called every 100 ms while it is not idle: notices hung event loops, memory over
   * the limit and calls that linger. Returns calls to be delivered elsewhere.
   */
  tick(now: number): Invocation[] {
    if (this.#ending.isDecided || this.#assigned === undefined) return [];
    this.#log.tellDropped(now);
    const exceeded = this.#limits.exceeded(now);
    if (exceeded !== undefined) this.#end(exceeded);
    if (this.#deliveries.hasLingering(now)) {
      this.#drainItself();
      if (!this.#deliveries.hasRunning()) this.#end({ kind: "stopped" });
    }
    if (this.#deliveries.hasCondemned(now)) this.#end({ kind: "cpu" });
    if (!this.#life.check(now) || this.#state === "assigned") return [];
    const begun = lastStarted(this.#options.directory);
    const withdrawn = this.#takeBack(
      now,
      begun,
      Infinity,
      this.#limits.cpu.activeTime(now) - Pulse.WITHDRAW_AFTER_MS,
    );
    // Nobody waits for any of its calls. If it hangs, it cannot hear so, and would keep a core.
    const isUseless = this.idle ? this.#life.isLost(now) : this.#deliveries.areForsaken();
    if (isUseless) this.#end({ kind: "hung" });
    return withdrawn;
  }

  /** To be called now and then: it may write files although nothing is asked of it. */
  look(now: number): void {
    const exceeded = this.#ending.isDecided ? undefined : this.#limits.filesExceeded(now);
    if (exceeded !== undefined) this.#end(exceeded);
  }

  /**
   * Takes calls back that it has not begun and will not before it has read of it, because its event
   * loop hangs or because it waits for our word: see the sandbox's `start-gate.ts`. Latest first.
   */
  #takeBack(now: number, begun: number, most: number, sentUntil = Infinity): Invocation[] {
    const taken = this.#deliveries.withdrawable(begun, most, sentUntil);
    for (const delivery of taken) {
      this.#outbox.bytes(FrameType.cancel, 0, delivery.callId);
      this.#forget(delivery, now);
    }
    return taken.map(({ invocation }) => invocation);
  }

  #asked(lastStarted: number): void {
    const surplus = lastStarted === 0 ? 0 : this.#assigned?.owner.surplusOf(this) ?? 0;
    const taken = surplus > 0 ? this.#takeBack(this.#heardAt, lastStarted, surplus) : [];
    this.#outbox.bytes(FrameType.pong, 0, lastStarted);
    if (taken.length > 0) this.#assigned?.owner.onTakenBack(taken);
  }

  #events(): FrameEvents {
    return {
      imported: () => this.#ready(),
      importFailed: (error) => this.#importFailed(error),
      answered: (delivery, background) => {
        if (background) this.#deliveries.toBackground(delivery);
        else this.#forget(delivery, this.#heardAt);
      },
      failed: (delivery, error) => this.#failed(delivery, error),
      done: (delivery) => this.#forget(delivery, this.#heardAt),
      madeRoom: () => this.#afterRoom(),
      logged: (callId, level, line) =>
        this.#log.line(this.#deliveries.logOwner(callId), level, line, this.#heardAt),
      unhealthy: () => this.#drainItself(),
      hostCall: (...frame) => this.#hostCalls.frame(...frame),
      asked: (lastStarted) => this.#asked(lastStarted),
    };
  }

  #ready(): void {
    if (this.#state !== "assigned" && this.#state !== "draining") return;
    if (this.#state === "assigned") this.#state = "ready";
    const now = this.#options.clock.now();
    // The import was nobody's call.
    this.#limits.cpu.chargeSince(0, now);
    for (const delivery of this.#deliveries.all()) {
      delivery.cpuFrom = this.#limits.cpu.shared;
      delivery.invocation.instanceReady(now);
    }
    this.#assigned?.owner.onRoom(this, "imported");
  }

  #importFailed(error: WireError): void {
    if (this.#state === "ready") return; // said by the function itself, and too late
    this.#end({ kind: "failed", reason: this.#known().importError(error) });
  }

  #failed({ invocation }: Delivery, error: WireError): void {
    const isPayload = invocation.call.kind === "payload";
    const failure = this.#known().callError(
      error,
      isPayload,
      () => this.#limits.isMemoryShort(),
    );
    invocation.fail(failure);
    // What filled the memory may be kept by the module, and would fail every later call.
    if (failure.code === "memory_limit_exceeded") this.#drainItself();
  }

  #abandon(delivery: Delivery, timedOut: boolean): void {
    if (!this.#deliveries.abandon(delivery, this.#options.clock.now())) return;
    this.#outbox.bytes(FrameType.cancel, 0, delivery.callId);
    this.#hostCalls.invocationOver(delivery.callId);
    if (timedOut) this.#life.demand();
  }

  /**
   * What has used up its time is told so at once. Alone it ends with its instance, which computes
   * for nobody any more; others beside it get the chance to end first.
   */
  #overspent(cpuTimeMs: number): void {
    const now = this.#options.clock.now();
    const begun = lastStarted(this.#options.directory);
    const { overspent, others } = this.#deliveries.overspent(cpuTimeMs, begun, now);
    if (overspent.length === 0) return;
    for (const delivery of overspent) {
      delivery.invocation.fail(cpuLimitExceeded(cpuTimeMs));
      this.#deliveries.condemn(delivery, now);
    }
    if (!others) return this.#end({ kind: "cpu" });
    this.#drainItself();
    this.#life.demand();
  }

  #forget(delivery: Delivery, now: number): void {
    this.#hostCalls.invocationOver(delivery.callId);
    this.#log.ended(delivery.log);
    if (this.#deliveries.forget(delivery, now)) this.idleSince = now;
  }

  #afterRoom(): void {
    this.#limits.sampleMemory(this.#heardAt);
    if (this.#state === "draining") {
      if (this.idle) this.stop();
    } else this.#assigned?.owner.onRoom(this, "answered");
  }

  #drainItself(): void {
    if (this.#state !== "assigned" && this.#state !== "ready") return;
    this.drain();
    this.#assigned?.owner.onDraining(this);
  }

  #known(): AssignedFunction {
    if (this.#assigned === undefined) throw new Error("a blank instance has no version");
    return this.#assigned;
  }

  #end(ending: Ending): void {
    this.#ending.decide(ending);
  }

  /** From the first sign of its end to the last trace of it. */
  async #watchEnd(closed: Promise<unknown>): Promise<void> {
    const broken = await Promise.race([closed, this.#process.exited.then(() => undefined)]);
    if (broken !== undefined) this.#end({ kind: "broken", cause: broken });
    this.#drainItself();
    const exit = await this.#ending.exit();
    this.#channel.close();
    await this.#channel.closed;
    this.#life[Symbol.dispose]();
    this.#state = "gone";
    this.#hostCalls.close();
    this.#assigned?.[Symbol.dispose]();
    this.#answerAll(this.#assigned && this.#ending.error(exit, this.#assigned.version));
    await this.#limits[Symbol.asyncDispose]();
    await removeTree(this.#options.directory);
  }

  #answerAll(error: OrlaError | undefined): void {
    const begun = this.idle ? 0 : lastStarted(this.#options.directory);
    const all = this.#deliveries.all();
    for (const { log } of all) this.#log.ended(log);
    const unstarted = this.#ending.partCalls(all, begun, error);
    this.#deliveries.clear();
    this.#log.tellDropped(Infinity);
    this.#assigned?.owner.onGone(this, this.#ending.saysNothing ? undefined : error, unstarted);
  }
}
