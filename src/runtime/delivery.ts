import type { Outbox } from "../protocol/outbox.ts";
import type { CallPort } from "./call-port.ts";
import type { Invocation } from "./invocation.ts";

type Phase = "running" | "abandoned" | "background";

/** What a delivery needs of its instance. */
export interface DeliveryHost {
  readonly outbox: Outbox;
  /** Nobody waits for the answer any more. */
  abandon(delivery: Delivery, timedOut: boolean): void;
  memoryUsedMb(): number | null;
  /** Processor time charged to a call since the common sum was `from`; see `cpu-account.ts`. */
  cpuSince(from: number, now: number): number | null;
}

/** Whose a log line is, and how much was written before it. */
export interface LogOwner {
  readonly callId: number;
  readonly executionId: string;
  bytes: number;
  /** Lines past MAX_LOG_SIZE. */
  dropped: number;
}

/** One call in one instance; its phases are told in `deliveries.ts`. */
export class Delivery implements CallPort {
  readonly invocation: Invocation;
  readonly callId: number;
  readonly sentAt: number;
  readonly log: LogOwner;
  phase: Phase = "running";
  lingersUntil = Infinity;
  cpuFrom = 0;
  /** It has used more than it may, and takes its instance with it if it does not end. */
  condemned = false;
  readonly #host: DeliveryHost;

  constructor(invocation: Invocation, callId: number, sentAt: number, host: DeliveryHost) {
    this.invocation = invocation;
    this.callId = callId;
    this.sentAt = sentAt;
    this.log = { callId, executionId: invocation.executionId, bytes: 0, dropped: 0 };
    this.#host = host;
  }

  get outbox(): Outbox {
    return this.#host.outbox;
  }

  abandon(timedOut: boolean): void {
    this.#host.abandon(this, timedOut);
  }

  memoryUsedMb(): number | null {
    return this.#host.memoryUsedMb();
  }

  cpuMs(now: number): number | null {
    return this.#host.cpuSince(this.cpuFrom, now);
  }

  logLinesDropped(): number {
    return this.log.dropped;
  }
}
