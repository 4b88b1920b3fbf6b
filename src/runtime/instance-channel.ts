/** The socket of one instance: frames out through its outbox, frames in to a callback. */
import { setImmediate } from "node:timers";
import type { Frame } from "../protocol/frame.ts";
import { FrameDecoder } from "../protocol/frame-decoder.ts";
import { Outbox } from "../protocol/outbox.ts";

/** Enough for an idle instance; a busy one gets what takes dozens of answers in one go. */
const READ_BYTES = 8 * 1024;
const MAX_READ_BYTES = 64 * 1024;

export interface ChannelEvents {
  readonly onFrame: (frame: Frame) => void;
  /** How long to wait before more is read. */
  readonly pauseMs: () => number;
  /** Called once, with a ProtocolError when the instance broke the protocol. */
  readonly onClosed: (error: unknown) => void;
}

export class InstanceChannel {
  readonly outbox: Outbox;
  /** Resolves when nothing of the channel is left. */
  readonly closed: Promise<void>;
  readonly #connection: Deno.UnixConn;

  constructor(connection: Deno.UnixConn, events: ChannelEvents) {
    this.#connection = connection;
    this.outbox = new Outbox(async (bytes) => {
      let sent = 0;
      while (sent < bytes.length) sent += await connection.write(bytes.subarray(sent));
    }, setImmediate);
    this.closed = this.#read(events);
  }

  close(): void {
    this.outbox.close();
    try {
      this.#connection.close();
    } catch {
      // The reader closed it already.
    }
  }

  async #read({ onFrame, pauseMs, onClosed }: ChannelEvents): Promise<void> {
    let buffer = new Uint8Array(READ_BYTES);
    const decoder = new FrameDecoder(onFrame);
    let broken: unknown;
    try {
      for (;;) {
        const count = await this.#connection.read(buffer);
        if (count === null) break;
        decoder.push(buffer.subarray(0, count));
        const pause = pauseMs();
        if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
        if (count === buffer.length && count < MAX_READ_BYTES) buffer = new Uint8Array(count * 2);
      }
    } catch (error) {
      // The socket's own errors are no different from its end.
      if (!isSocketError(error)) broken = error;
    } finally {
      this.close();
    }
    onClosed(broken);
  }
}

function isSocketError(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected;
}
