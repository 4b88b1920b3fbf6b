/**
 * Patterns of object names: `*` is any text within a segment, `**` any text, `?` one character other
 * than a slash. Everything else is itself. A pattern without a slash looks at the last segment only, so
 * that `*.png` means every picture.
 */

export function matchesPattern(pattern: string, name: string): boolean {
  const subject = pattern.includes("/") || pattern.includes("**")
    ? name
    : name.slice(name.lastIndexOf("/") + 1);
  return match(tokensOf(pattern), [...subject]);
}

type Token = { readonly text: string } | "one" | "segment" | "any";

function tokensOf(pattern: string): Token[] {
  return [...pattern.matchAll(/\*\*\/|\*+|\?|[^*?]/gu)].flatMap(([part]): Token[] => {
    // `a/**/b` is also `a/b`: the slash belongs to what may be left out.
    if (part === "**/") return ["any"];
    if (part === "*") return ["segment"];
    if (part.startsWith("*")) return ["any"];
    return part === "?" ? ["one"] : [{ text: part }];
  });
}

/** One row of the table "do these tokens match up to here" after the other: no backtracking. */
function match(tokens: readonly Token[], subject: readonly string[]): boolean {
  let reached = tokens.reduce<boolean[]>(
    (row, token, index) => [...row, row[index] === true && isEmptyable(token)],
    [true],
  );
  for (const character of subject) {
    const next = [false];
    tokens.forEach((token, index) => {
      const here = consumes(token, character);
      const stays = isEmptyable(token) && reached[index + 1] === true && here;
      const enters = reached[index] === true && here;
      const skips = isEmptyable(token) && next[index] === true;
      next.push(stays || enters || skips);
    });
    reached = next;
  }
  return reached[tokens.length] === true;
}

function isEmptyable(token: Token): boolean {
  return token === "any" || token === "segment";
}

function consumes(token: Token, character: string): boolean {
  switch (token) {
    case "any":
      return true;
    case "one":
    case "segment":
      return character !== "/";
    default:
      return token.text === character;
  }
}
