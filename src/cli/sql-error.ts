/** A Postgres error as psql shows it: the line, a caret under the offending token, detail and hint. */

export interface SqlError extends Error {
  readonly severity: string;
  readonly code: string;
  readonly position?: string;
  readonly detail?: string;
  readonly hint?: string;
}

export function isSqlError(thrown: unknown): thrown is SqlError {
  return thrown instanceof Error && "severity" in thrown && "code" in thrown;
}

/** `position` is where the error stands in `text`, if that is not what was sent. */
export function formatError(
  error: SqlError,
  text: string,
  position: number = Number(error.position),
): string {
  const lines = [`${error.severity}:  ${error.message}`];
  if (Number.isInteger(position) && position > 0) lines.push(...pointAt(text, position));
  if (error.detail) lines.push(`DETAIL:  ${error.detail}`);
  if (error.hint) lines.push(`HINT:  ${error.hint}`);
  return lines.join("\n");
}

/** `position` counts characters (code points) from 1, as the protocol does. */
function pointAt(text: string, position: number): string[] {
  const before = Array.from(text).slice(0, position - 1).join("");
  const number = before.split("\n").length;
  const column = Array.from(before.slice(before.lastIndexOf("\n") + 1));
  const line = text.split("\n")[number - 1] ?? "";
  const label = `LINE ${number}: `;
  // Tabs stay tabs, so that the caret stands where the terminal shows the token.
  const indent = column.map((character) => character === "\t" ? "\t" : " ").join("");
  return [label + line, " ".repeat(label.length) + indent + "^"];
}
