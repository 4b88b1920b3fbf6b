/**
 * A query text as the server gets it, and where each part of it came from in the client's text, so
 * that the cursor of an error can point at what the client wrote.
 */

/** Offsets are UTF-16 code units of the client's text. */
export type Piece =
  /** Copied character by character, beginning at `from`. */
  | { readonly kind: "copied"; readonly text: string; readonly from: number }
  /** Written here; errors inside point at `pointsAt`, or nowhere. */
  | { readonly kind: "written"; readonly text: string; readonly pointsAt: number | null };

export interface Rewrite {
  readonly original: string;
  readonly pieces: readonly Piece[];
}

export function rewrittenText(rewrite: Rewrite): string {
  return rewrite.pieces.map((piece) => piece.text).join("");
}

/**
 * A 1-based character position in the rewritten text, as one in the client's; `null` when it lies in
 * text of ours. Postgres counts characters, that is code points.
 */
export function mapPosition(rewrite: Rewrite, position: number): number | null {
  let charactersLeft = position - 1;
  for (const [index, piece] of rewrite.pieces.entries()) {
    const length = countCharacters(piece.text);
    // The end of the text, where "syntax error at end of input" points, belongs to the last piece.
    const isLast = index === rewrite.pieces.length - 1;
    if (charactersLeft >= length && !isLast) {
      charactersLeft -= length;
      continue;
    }
    switch (piece.kind) {
      case "copied": {
        const inside = offsetOfCharacter(piece.text, charactersLeft);
        return characterPosition(rewrite.original, piece.from + inside);
      }
      case "written":
        return piece.pointsAt === null ? null : characterPosition(rewrite.original, piece.pointsAt);
      default:
        piece satisfies never;
    }
  }
  return null;
}

/** The 1-based character that holds the UTF-16 `offset`. */
export function characterPosition(text: string, offset: number): number {
  return countCharacters(text.slice(0, offset)) + 1;
}

function countCharacters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    if (!isTrailingSurrogate(text.charCodeAt(at))) count++;
  }
  return count;
}

function offsetOfCharacter(text: string, characters: number): number {
  let at = 0;
  for (let left = characters; left > 0 && at < text.length; left--) {
    at += isTrailingSurrogate(text.charCodeAt(at + 1)) ? 2 : 1;
  }
  return at;
}

function isTrailingSurrogate(code: number): boolean {
  return (code & 0xfc00) === 0xdc00;
}
