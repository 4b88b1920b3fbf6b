/** What untrusted code writes to its output streams, within bounds. */

/** A chatty function fills logs through `console`; raw output is for crashes and stray prints. */
const MAX_OUTPUT_BYTES = 1 << 20;
const MAX_LINE = 8 * 1024;
const TAIL_LENGTH = 4 * 1024;

/**
 * Calls back for each line until {@link MAX_OUTPUT_BYTES}; reads on to the end so that the writer
 * never blocks. Never rejects.
 */
export async function captureLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
  onText: (text: string) => void = () => {},
): Promise<void> {
  const decoder = new TextDecoder();
  let partial = "";
  let taken = 0;
  try {
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      onText(text);
      if (taken > MAX_OUTPUT_BYTES) continue;
      taken += chunk.length;
      const lines = (partial + text).split("\n");
      partial = (lines.pop() ?? "").slice(0, MAX_LINE);
      for (const line of lines) onLine(line.slice(0, MAX_LINE));
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
