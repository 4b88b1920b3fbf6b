/**
 * Lets calls start in order, and makes it certain afterwards which ones did.
 *
 * Before a call starts, its id is written into a file of four bytes, synchronously (1 µs). When this
 * process dies or its event loop hangs, the supervisor reads there which of the calls it delivered
 * never began and gives those to another instance.
 *
 * A hang may also end. Then the calls that piled up in the socket meanwhile may already run
 * elsewhere, and their cancellation lies behind them in the socket. So a call that has waited
 * {@link STALE_AFTER_MS} is held back until the supervisor has answered a ping: by then every
 * cancellation sent before has been read. The supervisor withdraws calls only after twice that time.
 *
 * Calls that keep the processor start one by one: were all started at once, none could be answered
 * before the last has computed, and none be taken away. So the gate begins *careful*: one call a turn
 * of the event loop. After a long turn it asks by a ping before it goes on, and names the last call
 * started: the moment for the supervisor to give those behind it to an instance with less to do. After
 * some short turns the gate lets all start that come, until one comes late: it has waited for a long
 * turn.
 */
import { writeUint32 } from "../../protocol/frame.ts";
import { uncurryThis } from "../../protocol/primordials.ts";

/** Longer than a healthy event loop is ever busy, short beside any time-out. */
export const STALE_AFTER_MS = 100;

/** A call older than this when it is read has waited for the event loop. */
const LATE_AFTER_MS = 20;

/** From then on a turn is long: asking, 0.2 ms, costs little beside it. */
const LONG_TURN_MS = 4;

/** So many short turns in a row end the care. */
const SHORT_TURNS = 2;

const now = Date.now;
/** Functions can replace the global one. */
const afterThisTurn = setImmediate;
const seek = uncurryThis(Deno.FsFile.prototype.seekSync);
const write = uncurryThis(Deno.FsFile.prototype.writeSync);
const seekStart = Deno.SeekMode.Start;

export interface GatedCall {
  readonly id: number;
  readonly sentAt: number;
  readonly cancelled: boolean;
  /** Says that nothing of it goes on: it never began. */
  release(): void;
}

export class StartGate<C extends GatedCall> {
  readonly #file: Deno.FsFile;
  readonly #start: (call: C) => void;
  readonly #ping: (lastStarted: number) => void;
  readonly #mark = new Uint8Array(4);
  readonly #held: C[] = [];
  /** *Turning*: what has been started alone may still compute. *Asking*: a ping is not answered. */
  #state: "closed" | "open" | "turning" | "asking" = "closed";
  #careful = true;
  #shortTurns = 0;
  #lastStarted = 0;
  #turnBegan = 0;
  readonly #turned = () => this.#endTurn();

  constructor(
    file: Deno.FsFile,
    start: (call: C) => void,
    ping: (lastStarted: number) => void,
  ) {
    this.#file = file;
    this.#start = start;
    this.#ping = ping;
  }

  /** The module is imported: calls may start. */
  open(): void {
    this.#state = "open";
    this.#release(false);
  }

  admit(call: C): void {
    this.#held[this.#held.length] = call;
    if (this.#state === "open") this.#release(false);
  }

  /** Everything sent before our ping has been read. */
  pong(): void {
    if (this.#state !== "asking") return;
    this.#state = "open";
    this.#release(true);
  }

  /** `confirmed` says that what is held has not been taken away. */
  #release(confirmed: boolean): void {
    let next = 0;
    for (; this.#state === "open" && next < this.#held.length; next++) {
      const call = this.#held[next] as C; // in range
      if (call.cancelled) {
        call.release();
        continue;
      }
      const age = now() - call.sentAt;
      if (!confirmed && age > LATE_AFTER_MS) {
        if (age > STALE_AFTER_MS) {
          this.#ask();
          break;
        }
        if (!this.#careful) this.#shortTurns = 0;
        this.#careful = true;
      }
      this.#begin(call);
    }
    const left = this.#held.length - next;
    for (let i = 0; i < left; i++) this.#held[i] = this.#held[next + i] as C; // in range
    this.#held.length = left;
  }

  #begin(call: C): void {
    this.#lastStarted = call.id;
    writeUint32(this.#mark, 0, call.id);
    seek(this.#file, 0, seekStart);
    write(this.#file, this.#mark);
    if (this.#careful) {
      this.#state = "turning";
      this.#turnBegan = now();
      afterThisTurn(this.#turned);
    }
    this.#start(call);
  }

  #endTurn(): void {
    const isLong = now() - this.#turnBegan >= LONG_TURN_MS;
    this.#shortTurns = isLong ? 0 : this.#shortTurns + 1;
    if (this.#shortTurns >= SHORT_TURNS) this.#careful = false;
    if (isLong && this.#held.length > 0) return this.#ask();
    this.#state = "open";
    this.#release(false);
  }

  #ask(): void {
    this.#state = "asking";
    this.#ping(this.#lastStarted);
  }
}
