/**
 * What the tests of the documentation need to see in a Markdown file: code fences, tables, headings
 * and links. Only the forms that `deno fmt` leaves behind are known.
 */

export interface Fence {
  /** The first word after the backticks: `sql`, `sh`, `text` … */
  readonly language: string;
  /** The other words, such as `no-run`. */
  readonly flags: readonly string[];
  readonly text: string;
  /** Of the opening backticks, from 1. */
  readonly line: number;
  /** The text of an HTML comment right above, without its marks. */
  readonly comment: string | null;
  /** The fence before, when nothing stands between the two. */
  readonly follows: Fence | null;
}

export function fencesOf(markdown: string): Fence[] {
  const lines = markdown.split("\n");
  const fences: Fence[] = [];
  let previous: Fence | null = null;
  let comment: string | null = null;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const [, indent = "", info] = /^(\s*)```(.*)$/.exec(line) ?? [];
    if (info === undefined) {
      if (line.trim() === "") continue;
      comment = /^\s*<!-- (.*) -->$/.exec(line)?.[1] ?? null;
      if (comment === null) previous = null;
      continue;
    }
    const end = lines.indexOf(`${indent}\`\`\``, at + 1);
    if (end === -1) throw new Error(`line ${at + 1}: the fence has no end`);
    const [language = "", ...flags] = info.split(" ");
    const text = lines.slice(at + 1, end).map((each) => each.slice(indent.length)).join("\n");
    previous = { language, flags, text, line: at + 1, comment, follows: previous };
    fences.push(previous);
    comment = null;
    at = end;
  }
  return fences;
}

/** The rows of the first table below the heading, cells trimmed, the table's own head left out. */
export function tableBelow(markdown: string, heading: string): string[][] {
  const lines = markdown.split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.endsWith(` ${heading}`));
  if (start === -1) throw new Error(`there is no heading "${heading}"`);
  const first = lines.findIndex((line, at) => at > start && line.startsWith("|"));
  const below = lines.slice(first + 2);
  const length = below.findIndex((line) => !line.startsWith("|"));
  // A bar within a cell is written `\|`.
  return below.slice(0, length).map((row) =>
    row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"))
  );
}

/** `` `name` `` → `name`. */
export function withoutBackticks(cell: string): string {
  return cell.replaceAll("`", "");
}

/** Where links lead that are not to the web, with the line each stands in. */
export function linksOf(markdown: string): { readonly target: string; readonly line: number }[] {
  return prose(markdown).flatMap(({ text, line }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => ({ target, line }))
  ).filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** The anchors that GitHub gives to the headings. */
export function anchorsOf(markdown: string): Set<string> {
  return new Set(
    prose(markdown).flatMap(({ text }) => {
      const title = /^#+ (.*)$/.exec(text)?.[1];
      if (title === undefined) return [];
      const words = title.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
      return [words.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-")];
    }),
  );
}

/** The lines outside of fences. */
function prose(markdown: string): { readonly text: string; readonly line: number }[] {
  let inside = false;
  return markdown.split("\n").flatMap((text, at) => {
    if (/^\s*```/.test(text)) {
      inside = !inside;
      return [];
    }
    return inside ? [] : [{ text, line: at + 1 }];
  });
}
