import { splitStatements } from "../sql/split.ts";

/** Whether the last statement has its `;`, quotes, dollar quotes and comments considered. */
export function isComplete(text: string): boolean {
  const last = splitStatements(text).at(-1);
  return last === undefined || last.span.end < text.length;
}
