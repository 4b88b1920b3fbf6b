/** Accepts connections until the listener is closed. */
import { isClosedError } from "./channel.ts";

/** After a failed accept, such as for want of file descriptors: others close connections meanwhile. */
const RETRY_MS = 100;

/** Resolves once the listener is closed; never rejects. `take` must not throw. */
export async function acceptEach<Connection>(
  listener: { accept(): Promise<Connection> },
  take: (connection: Connection) => void,
  onError: (thrown: unknown) => void,
): Promise<void> {
  for (;;) {
    let connection: Connection;
    try {
      connection = await listener.accept();
    } catch (thrown) {
      if (isClosedError(thrown)) return;
      onError(thrown);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      continue;
    }
    take(connection);
  }
}
