/** Rows as an aligned table, in psql's way. */

export interface Column {
  readonly name: string;
  /** Set flush right. */
  readonly numeric: boolean;
}

export function formatTable(
  columns: readonly Column[],
  rows: ReadonlyArray<readonly (string | null)[]>,
): string {
  const cells = rows.map((row) => row.map((value) => (value ?? "").split("\n")));
  const widths = columns.map(({ name }, column) =>
    Math.max(
      width(name),
      ...cells.flatMap((row) => (row[column] ?? []).map(width)),
    )
  );
  const lines = [
    columns.map(({ name }, column) => ` ${centre(name, widths[column] ?? 0)} `).join("|"),
    widths.map((wide) => "-".repeat(wide + 2)).join("+"),
  ];
  for (const row of cells) {
    const height = Math.max(1, ...row.map((cell) => cell.length));
    for (let line = 0; line < height; line++) {
      const parts = columns.map(({ numeric }, column) => {
        const text = row[column]?.[line] ?? "";
        const blank = " ".repeat((widths[column] ?? 0) - width(text));
        // psql marks a value that goes on in the next line.
        const more = line < (row[column]?.length ?? 0) - 1 ? "+" : " ";
        return ` ${numeric ? blank + text : text + blank}${more}`;
      });
      lines.push(parts.join("|").trimEnd());
    }
  }
  lines.push(`(${rows.length} row${rows.length === 1 ? "" : "s"})`, "");
  return lines.join("\n");
}

/** Columns in a terminal: wide East Asian and emoji characters take two, combining marks none. */
function width(text: string): number {
  let total = 0;
  for (const character of text) {
    if (/\p{Mark}|\u200d/u.test(character)) continue;
    total +=
      /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60]/u
          .test(character)
        ? 2
        : 1;
  }
  return total;
}

function centre(text: string, wide: number): string {
  const blank = wide - width(text);
  const left = Math.floor(blank / 2);
  return " ".repeat(left) + text + " ".repeat(blank - left);
}
