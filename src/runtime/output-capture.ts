/** What untrusted code writes to its output streams, within bounds. */

const MAX_LINE = 8 * 1024;
const TAIL_LENGTH = 4 * 1024;

/**
 * Output is for crashes and stray prints; the rate of its lines is bounded with that of the log.
 * Who writes more than this is read with pauses, so that reading costs little.
 */
const UNPAUSED_BYTES = 256 * 1024;
const PAUSE_MS = 20;

/** Calls back for each line, and reads on to the end so that the writer never blocks. Never rejects. */
export async function captureLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
  onText: (text: string) => void = () => {},
): Promise<void> {
  const decoder = new TextDecoder();
  let partial = "";
  let unpaused = 0;
  try {
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      onText(text);
      const lines = (partial + text).split("\n");
      partial = (lines.pop() ?? "").slice(0, MAX_LINE);
      for (const line of lines) onLine(line.slice(0, MAX_LINE));
      unpaused += chunk.length;
      if (unpaused < UNPAUSED_BYTES) continue;
      unpaused = 0;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch {
    // The pipe broke with its process; there is nothing more to read.
  }
  if (partial !== "") onLine(partial);
}

export function keepTail(): { add(text: string): void; text(): string } {
  let tail = "";
  return {
    add: (text) => void (tail = (tail + text).slice(-TAIL_LENGTH)),
    text: () => tail,
  };
}
