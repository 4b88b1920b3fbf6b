/**
 * Connections to hosts that have answered and may be used again, of one instance alone: what the
 * policy allowed it stays allowed, and nobody else ever gets its answers.
 */
import { ByteReader } from "./byte-reader.ts";

export interface Upstream {
  readonly connection: Deno.Conn;
  readonly reader: ByteReader;
  /** Had an answer on it before: the host may have closed it meanwhile. */
  readonly isReused: boolean;
}

/** Most servers keep one open for 5 to 75 seconds; a failed reuse is repeated on a new one. */
const IDLE_MS = 30_000;
const MAX_IDLE_PER_HOST = 8;
const MAX_IDLE = 32;

interface Idle {
  readonly key: string;
  readonly upstream: Upstream;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class UpstreamPool {
  /** The latest used last. */
  readonly #idle: Idle[] = [];
  #closed = false;

  take(key: string): Upstream | undefined {
    const index = this.#idle.findLastIndex((idle) => idle.key === key);
    const [idle] = index < 0 ? [] : this.#idle.splice(index, 1);
    if (idle === undefined) return undefined;
    clearTimeout(idle.timer);
    return idle.upstream;
  }

  give(key: string, { connection, reader }: Upstream): void {
    const sameHost = this.#idle.filter((idle) => idle.key === key).length;
    if (this.#closed || sameHost >= MAX_IDLE_PER_HOST) return connection.close();
    const [oldest] = this.#idle;
    if (this.#idle.length >= MAX_IDLE && oldest !== undefined) this.#drop(oldest);
    const upstream = { connection, reader, isReused: true };
    const idle: Idle = { key, upstream, timer: setTimeout(() => this.#drop(idle), IDLE_MS) };
    this.#idle.push(idle);
    // Whatever it says now, or that it ends, makes it useless. A taker waits for the same read.
    const ended = () => this.#drop(idle);
    reader.fill().then(ended, ended);
  }

  close(): void {
    this.#closed = true;
    for (const idle of [...this.#idle]) this.#drop(idle);
  }

  #drop(idle: Idle): void {
    const index = this.#idle.indexOf(idle);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    clearTimeout(idle.timer);
    idle.upstream.connection.close();
  }
}
