/** Bytes in both directions, until both are closed or one breaks. */
import { type ByteReader, writeAll } from "./byte-reader.ts";
import type { Traffic } from "./traffic.ts";

export interface End {
  readonly connection: Deno.Conn;
  readonly reader: ByteReader;
}

/** `onActivity` is called whenever something has passed. Never rejects. */
export async function tunnel(
  instance: End,
  host: End,
  traffic: Traffic,
  onActivity: () => void,
): Promise<void> {
  const isBroken = () => {
    closeQuietly(instance.connection);
    closeQuietly(host.connection);
  };
  const sent = pump(instance, host, (count) => {
    traffic.bytesSent += count;
    onActivity();
  });
  const received = pump(host, instance, (count) => {
    traffic.bytesReceived += count;
    onActivity();
  });
  await Promise.all([sent.catch(isBroken), received.catch(isBroken)]);
  closeQuietly(host.connection);
}

async function pump(from: End, to: End, passed: (count: number) => void): Promise<void> {
  do {
    const bytes = from.reader.buffered;
    if (bytes.length === 0) continue;
    await writeAll(to.connection, bytes);
    from.reader.advance(bytes.length);
    passed(bytes.length);
  } while (await from.reader.fill());
  await to.connection.closeWrite();
}

/** Closing twice is no failure. */
export function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}
