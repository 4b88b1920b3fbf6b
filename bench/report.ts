/** What a row found, and how it is printed: Markdown tables, ready for `docs/performance.md`. */

export interface Line {
  readonly contender: string;
  /** One figure for each column; `null` prints as a dash. */
  readonly figures: readonly (number | null)[];
}

export interface Table {
  readonly title: string;
  /** With units: `p50 ms`. */
  readonly columns: readonly string[];
  readonly lines: readonly Line[];
  /** What a reader must know to read the figures rightly. */
  readonly notes: readonly string[];
}

/** One goal of the project, met or not. */
export interface Goal {
  readonly what: string;
  readonly limit: number;
  readonly better: "lower" | "higher";
  readonly unit: string;
  readonly measured: number;
}

export interface RowReport {
  readonly row: string;
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
}

export function isMet({ measured, limit, better }: Goal): boolean {
  return better === "lower" ? measured < limit : measured >= limit;
}

/** Three significant digits; whole numbers above a hundred. */
export function formatFigure(figure: number | null): string {
  if (figure === null) return "–";
  if (Math.abs(figure) >= 100) return Math.round(figure).toLocaleString("en-US");
  return String(Number(figure.toPrecision(3)));
}

export function printTable(table: Table): string {
  const rows = [
    ["", ...table.columns],
    ...table.lines.map((line) => [line.contender, ...line.figures.map(formatFigure)]),
  ];
  const notes = table.notes.map((note) => `\n${note}\n`).join("");
  const body = table.lines.length === 0 ? "" : `${alignColumns(rows)}\n`;
  return `### ${table.title}\n\n${body}${notes}`;
}

export function printGoals(goals: readonly Goal[]): string {
  const rows = [
    ["goal", "limit", "measured", "met"],
    ...goals.map((goal) => [
      goal.what,
      `${goal.better === "lower" ? "<" : "≥"} ${formatFigure(goal.limit)} ${goal.unit}`.trim(),
      `${formatFigure(goal.measured)} ${goal.unit}`.trim(),
      isMet(goal) ? "yes" : "**no**",
    ]),
  ];
  return `### Goals\n\n${alignColumns(rows)}\n`;
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const [header = [], ...body] = rows;
  const widths = header.map((_, column) =>
    Math.max(3, ...rows.map((row) => (row[column] ?? "").length))
  );
  const line = (cells: readonly string[]) =>
    `| ${
      cells.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
      ).join(" | ")
    } |`;
  const rule = `| ${
    widths.map((width, column) => column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)
      .join(" | ")
  } |`;
  return [line(header), rule, ...body.map(line)].join("\n");
}
