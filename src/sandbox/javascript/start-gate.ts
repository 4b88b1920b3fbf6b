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
 */
import { writeUint32 } from "../../protocol/frame.ts";
import { uncurryThis } from "../../protocol/primordials.ts";

/** Longer than a healthy event loop is ever busy, short beside any time-out. */
export const STALE_AFTER_MS = 100;

const now = Date.now;
const seek = uncurryThis(Deno.FsFile.prototype.seekSync);
const write = uncurryThis(Deno.FsFile.prototype.writeSync);
const seekStart = Deno.SeekMode.Start;

export interface GatedCall {
  readonly id: number;
  readonly sentAt: number;
  readonly cancelled: boolean;
}

export class StartGate<C extends GatedCall> {
  readonly #file: Deno.FsFile;
  readonly #start: (call: C) => void;
  readonly #ping: () => void;
  readonly #mark = new Uint8Array(4);
  readonly #held: C[] = [];
  #state: "closed" | "open" | "asking" = "closed";

  constructor(file: Deno.FsFile, start: (call: C) => void, ping: () => void) {
    this.#file = file;
    this.#start = start;
    this.#ping = ping;
  }

  /** The module is imported: calls may start. */
  open(): void {
    this.#state = "open";
    this.#release();
  }

  admit(call: C): void {
    this.#held[this.#held.length] = call;
    if (this.#state === "open") this.#release();
  }

  /** Everything sent before our ping has been read. */
  pong(): void {
    if (this.#state !== "asking") return;
    this.#state = "open";
    this.#release(true);
  }

  #release(confirmed = false): void {
    let next = 0;
    for (; next < this.#held.length; next++) {
      const call = this.#held[next] as C; // in range
      if (call.cancelled) continue;
      if (!confirmed && now() - call.sentAt > STALE_AFTER_MS) {
        this.#state = "asking";
        this.#ping();
        break;
      }
      writeUint32(this.#mark, 0, call.id);
      seek(this.#file, 0, seekStart);
      write(this.#file, this.#mark);
      this.#start(call);
    }
    const left = this.#held.length - next;
    for (let i = 0; i < left; i++) this.#held[i] = this.#held[next + i] as C; // in range
    this.#held.length = left;
  }
}
