/** Rows in the text format of COPY, as the bytes that go to Postgres: no row holds a bare line feed. */

export interface RowBytes {
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export const NO_ROWS: RowBytes = { count: 0, bytes: new Uint8Array() };

const LINE_FEED = 10;
const encoder = new TextEncoder();

export function encodeRows(rows: readonly string[]): RowBytes {
  return { count: rows.length, bytes: encoder.encode(rows.join("")) };
}

export function joinRows(first: RowBytes, second: RowBytes): RowBytes {
  if (first.count === 0) return second;
  if (second.count === 0) return first;
  const bytes = new Uint8Array(first.bytes.length + second.bytes.length);
  bytes.set(first.bytes);
  bytes.set(second.bytes, first.bytes.length);
  return { count: first.count + second.count, bytes };
}

/** The first so many rows, and the rest. */
export function splitRows({ count, bytes }: RowBytes, at: number): [RowBytes, RowBytes] {
  let end = 0;
  for (let n = 0; n < Math.min(at, count); n++) end = bytes.indexOf(LINE_FEED, end) + 1;
  const taken = Math.min(at, count);
  return [
    { count: taken, bytes: bytes.subarray(0, end) },
    { count: count - taken, bytes: bytes.subarray(end) },
  ];
}
