import { FrameType, INITIAL_CREDIT } from "./frame.ts";
import type { Outbox } from "./outbox.ts";

/**
 * Sends WebSocket messages of one call under credit. A message may start while any credit is left
 * and overdraw it, as messages are not cut; until the other side has granted that back the next
 * ones wait here.
 */
export class MessageSender {
  readonly #outbox: Outbox;
  readonly #callId: number;
  #credit = INITIAL_CREDIT;
  #waiting: (string | Uint8Array)[] = [];
  #waitingBytes = 0;
  #whenEmpty: (() => void) | undefined;

  constructor(outbox: Outbox, callId: number) {
    this.#outbox = outbox;
    this.#callId = callId;
  }

  get queuedBytes(): number {
    return this.#waitingBytes;
  }

  /** Keeps the array: the caller must not change it afterwards. */
  send(message: string | Uint8Array): void {
    if (this.#credit > 0 && this.#waiting.length === 0) return this.#put(message);
    this.#waiting[this.#waiting.length] = message;
    this.#waitingBytes += message.length;
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    let next = 0;
    while (this.#credit > 0 && next < this.#waiting.length) {
      const message = this.#waiting[next++] as string | Uint8Array; // in range
      this.#waitingBytes -= message.length;
      this.#put(message);
    }
    for (let i = next; i < this.#waiting.length; i++) {
      this.#waiting[i - next] = this.#waiting[i] as string | Uint8Array; // in range
    }
    this.#waiting.length -= next;
    if (this.#waiting.length === 0) this.#whenEmpty?.();
  }

  /** Calls back once everything put so far is on its way: a close must not overtake messages. */
  afterQueued(callback: () => void): void {
    if (this.#waiting.length === 0) callback();
    else this.#whenEmpty = callback;
  }

  #put(message: string | Uint8Array): void {
    // Text is counted in UTF-16 units, as the receiver grants it back.
    this.#credit -= message.length;
    if (typeof message === "string") {
      this.#outbox.text(FrameType.socketText, 0, this.#callId, message);
    } else {
      this.#outbox.bytes(FrameType.socketBinary, 0, this.#callId, message);
    }
  }
}
