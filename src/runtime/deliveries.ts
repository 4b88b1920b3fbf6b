/**
 * The calls one instance has been given and has not done with, by the ids their frames carry.
 *
 * A delivery is *running* until its response ends, then perhaps in the *background* (`waitUntil`).
 * One that was given up (time-out, caller gone) is *abandoned* but holds its place until the
 * function has noticed. Neither may linger past {@link LINGER_MS}.
 */
import type { HostCallInvocation } from "../functions/host-services.ts";
import { MAX_CALL_ID, readUint32 } from "../protocol/frame.ts";
import type { Delivery, LogOwner } from "./delivery.ts";

/** How long a call that was given up may still hold its place, and background work may go on past TIMEOUT. */
const LINGER_MS = 1000;

/** Ids of calls that are over, kept so that their late log lines find their execution. */
const REMEMBERED_CALLS = 256;

export class Deliveries {
  /** Not a Map: see `base/linked-list.ts` on what rehashing costs. */
  #byId: Record<number, Delivery> = Object.create(null);
  #open = 0;
  #load = 0;
  #lastId = 0;
  readonly #remembered: LogOwner[] = [];
  readonly #beforeChange: (open: number, now: number) => void;

  /** `beforeChange` is told how many will be open. */
  constructor(beforeChange: (open: number, now: number) => void) {
    this.#beforeChange = beforeChange;
  }

  /** All that is not over, work after a response included. */
  get open(): number {
    return this.#open;
  }

  /** Those that hold a place: running and abandoned ones. */
  get load(): number {
    return this.#load;
  }

  takeId(): number {
    return ++this.#lastId;
  }

  get idsUsedUp(): boolean {
    return this.#lastId === MAX_CALL_ID;
  }

  add(delivery: Delivery, now: number): void {
    this.#beforeChange(this.#open + 1, now);
    this.#byId[delivery.callId] = delivery;
    this.#open++;
    this.#load++;
  }

  find(callId: number): Delivery | undefined {
    return this.#byId[callId];
  }

  /** One that may still ask the platform for something: it runs, or works in the background. */
  waitedFor(callId: number): HostCallInvocation | undefined {
    const delivery = this.#byId[callId];
    if (delivery === undefined || delivery.phase === "abandoned") return undefined;
    const { executionId, call: { caller } } = delivery.invocation;
    return { executionId, caller };
  }

  all(): Delivery[] {
    return Object.values(this.#byId);
  }

  /** Behind the id `begun`, sent until then, and fit to run elsewhere: so many at most, the latest first. */
  withdrawable(begun: number, most: number, sentUntil: number): Delivery[] {
    const found: Delivery[] = [];
    for (const delivery of this.all().reverse()) {
      const { invocation, callId, sentAt, phase } = delivery;
      if (callId <= begun || found.length === most) break;
      if (phase === "running" && invocation.repeatable && sentAt <= sentUntil) found.push(delivery);
    }
    return found;
  }

  /** A call that is here or was not long ago. */
  logOwner(callId: number): LogOwner | undefined {
    const delivery = this.#byId[callId];
    if (delivery !== undefined) return delivery.log;
    const remembered = this.#remembered[callId % REMEMBERED_CALLS];
    return remembered?.callId === callId ? remembered : undefined;
  }

  /** The response has ended, and work goes on. */
  toBackground(delivery: Delivery): void {
    if (delivery.phase === "background") return;
    delivery.phase = "background";
    delivery.lingersUntil = delivery.invocation.deadlineAt + LINGER_MS;
    this.#load--;
  }

  /** Returns whether there was anything to give up. */
  abandon(delivery: Delivery, now: number): boolean {
    if (delivery.phase !== "running" || !(delivery.callId in this.#byId)) return false;
    delivery.phase = "abandoned";
    delivery.lingersUntil = Math.max(now, delivery.invocation.deadlineAt) + LINGER_MS;
    return true;
  }

  /** It has used more than it may, and must end soon, whatever its phase. */
  condemn(delivery: Delivery, now: number): void {
    delivery.condemned = true;
    delivery.lingersUntil = now + LINGER_MS;
  }

  /** Returns whether none is left open. */
  forget({ callId, log, phase }: Delivery, now: number): boolean {
    if (!(callId in this.#byId)) return false;
    this.#beforeChange(this.#open - 1, now);
    delete this.#byId[callId];
    this.#open--;
    if (phase !== "background") this.#load--;
    this.#remembered[callId % REMEMBERED_CALLS] = log;
    return this.#open === 0;
  }

  clear(): void {
    this.#byId = Object.create(null);
    this.#open = 0;
    this.#load = 0;
  }

  /** Of processor time, in milliseconds. */
  highestCharge(now: number): number {
    return this.all().reduce((highest, each) => Math.max(highest, each.cpuMs(now) ?? 0), 0);
  }

  /**
   * Of the calls begun, up to that id: those past so much processor time that are not condemned
   * yet, and whether others run beside them. What waits behind a greedy one has used nothing.
   */
  overspent(cpuTimeMs: number, begun: number, now: number) {
    const overspent: Delivery[] = [];
    let others = false;
    for (const delivery of this.all()) {
      if (delivery.callId > begun) continue;
      if (!delivery.condemned && (delivery.cpuMs(now) ?? 0) > cpuTimeMs) overspent.push(delivery);
      else others ||= delivery.phase === "running";
    }
    return { overspent, others };
  }

  hasRunning(): boolean {
    for (const { phase } of this.all()) if (phase === "running") return true;
    return false;
  }

  hasLingering(now: number): boolean {
    for (const { phase, lingersUntil } of this.all()) {
      if (phase !== "running" && now >= lingersUntil) return true;
    }
    return false;
  }

  hasCondemned(now: number): boolean {
    for (const { condemned, lingersUntil } of this.all()) {
      if (condemned && now >= lingersUntil) return true;
    }
    return false;
  }

  /** Somebody gave up on each of them. */
  areForsaken(): boolean {
    return this.#open > 0 && this.all().every(({ phase }) => phase === "abandoned");
  }
}

/** The highest id of a call that the instance has begun; see the sandbox's `start-gate.ts`. */
export function lastStarted(directory: string): number {
  try {
    return readUint32(Deno.readFileSync(`${directory}/started`), 0);
  } catch {
    return MAX_CALL_ID; // nothing can be proved without it
  }
}
