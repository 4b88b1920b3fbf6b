/** The part of `Deno.Conn` that a proxy needs: TCP, TLS and unix sockets all have it. */
export interface Channel {
  /** Bytes read, or `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

export async function writeAll(channel: Channel, bytes: Uint8Array): Promise<void> {
  let written = await channel.write(bytes);
  while (written < bytes.length) written += await channel.write(bytes.subarray(written));
}

/** Closing twice is how two directions of one session end; it is no error. */
export function closeQuietly(channel: Channel): void {
  try {
    channel.close();
  } catch (thrown) {
    if (!isClosedError(thrown)) throw thrown;
  }
}

/** The connection ended, by either side's doing. */
export function isClosedError(thrown: unknown): boolean {
  return thrown instanceof Deno.errors.BadResource ||
    thrown instanceof Deno.errors.Interrupted ||
    thrown instanceof Deno.errors.ConnectionReset ||
    thrown instanceof Deno.errors.ConnectionAborted ||
    thrown instanceof Deno.errors.BrokenPipe ||
    thrown instanceof Deno.errors.NotConnected ||
    thrown instanceof Deno.errors.UnexpectedEof;
}
