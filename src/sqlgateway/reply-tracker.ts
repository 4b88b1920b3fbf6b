/**
 * Knows, from the types of the messages that pass, which request the server is answering.
 *
 * Vocabulary: a *cycle* is what ends with one ReadyForQuery: a Query, a FunctionCall, or extended
 * messages up to Sync. A *place* is a cycle and the index of one message in it. Postgres answers
 * strictly in order, with exactly one completion per extended message, so counting is enough.
 *
 * Two of Postgres' habits need care:
 * - After an error in an extended message it discards everything up to Sync, a Query included.
 * - While COPY FROM STDIN runs it discards Sync, because libpq sends one right after Execute.
 */
import { Backend, Frontend } from "../pgwire/types.ts";

export interface Place {
  readonly cycle: number;
  readonly index: number;
}

/** Stands in the queue of cycle ends where the client ended a COPY. */
const COPY_END = -1;

export class ReplyTracker {
  #sentCycle = 0;
  /** Extended messages sent in the cycle that is still open. */
  #sentMessages = 0;
  /** Unanswered ends of cycles: twice the index of the ending message, plus 1 when it is no Sync. */
  readonly #ends: number[] = [];
  #answeredCycle = 0;
  #completions = 0;
  #discardsUntilSync = false;
  #copiesIn = false;

  /** Where the next message the client sends will stand. */
  get nextPlace(): Place {
    return { cycle: this.#sentCycle, index: this.#sentMessages };
  }

  /** The request that the server's next completion or error belongs to. */
  get answeredPlace(): Place {
    const end = this.#ends[0];
    const index = end === undefined || end === COPY_END
      ? this.#completions
      : Math.min(this.#completions, end >> 1);
    return { cycle: this.#answeredCycle, index };
  }

  /** Nothing the client sent awaits an answer. */
  get idle(): boolean {
    return this.#ends.length === 0 && this.#sentMessages === 0 && !this.#copiesIn;
  }

  sent(type: number): void {
    switch (type) {
      case Frontend.query:
      case Frontend.functionCall:
        if (!this.#discardsUntilSync) this.#endCycle(1);
        return;
      case Frontend.sync:
        if (this.#copiesIn) return;
        this.#discardsUntilSync = false;
        this.#endCycle(0);
        return;
      case Frontend.parse:
      case Frontend.bind:
      case Frontend.describe:
      case Frontend.execute:
      case Frontend.close:
        this.#sentMessages++;
        return;
      case Frontend.copyDone:
      case Frontend.copyFail:
        if (this.#copiesIn) {
          // The Sync that was meant to end the cycle is lost: the cycle is open again.
          this.#copiesIn = false;
          this.#sentMessages++;
        } else if (this.#ends.length > 0) this.#ends.push(COPY_END);
    }
  }

  received(type: number): void {
    switch (type) {
      case Backend.parseComplete:
      case Backend.bindComplete:
      case Backend.closeComplete:
      case Backend.noData:
      case Backend.rowDescription:
      case Backend.commandComplete:
      case Backend.emptyQueryResponse:
      case Backend.portalSuspended:
        this.#completions++;
        return;
      case Backend.readyForQuery:
        this.#completions = 0;
        this.#copiesIn = false;
        // The very first one ends the start-up, which is no cycle.
        if (this.#ends.length === 0) return;
        this.#ends.shift();
        this.#answeredCycle++;
        while (this.#ends[0] === COPY_END) this.#ends.shift();
        return;
      case Backend.errorResponse:
        this.#failed();
        return;
      case Backend.copyInResponse:
        this.#copyBegins();
    }
  }

  #endCycle(kind: 0 | 1): void {
    this.#ends.push(this.#sentMessages * 2 + kind);
    this.#sentMessages = 0;
    this.#sentCycle++;
  }

  #failed(): void {
    this.#copiesIn = false;
    // Which of the cycle's messages failed: its last, a Query, or an extended one before it?
    while (this.#ends.length > 0) {
      const end = this.#ends[0] as number;
      if (end !== COPY_END) {
        const isSync = (end & 1) === 0;
        if (isSync || this.#completions >= end >> 1) return;
        this.#answeredCycle++;
        this.#completions = 0;
      }
      this.#ends.shift();
    }
    if (this.#sentMessages > 0) this.#discardsUntilSync = true;
  }

  #copyBegins(): void {
    const end = this.#ends[0];
    if (end !== undefined && end !== COPY_END && (end & 1) === 1) return;
    while (this.#ends.length > 0) {
      const dropped = this.#ends.shift();
      if (dropped === COPY_END) return;
      this.#answeredCycle++;
    }
    this.#copiesIn = true;
  }
}
