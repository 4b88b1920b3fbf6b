/**
 * Compares what a command printed with what the documentation says it prints. `…` stands for anything
 * within a line; a line that holds nothing else stands for any number of lines.
 */
export function matchesOutput(actual: string, expected: string): boolean {
  const anyLines = /^\s*…$/;
  const pattern = tidy(expected).map((line) =>
    anyLines.test(line) ? "(?:.*\n)*" : line.split("…").map(escape).join(".*") + "\n"
  );
  const text = tidy(actual).map((line) => `${line}\n`).join("");
  return new RegExp(`^${pattern.join("")}$`).test(text);
}

/** Without the blanks that nobody sees. */
function tidy(text: string): string[] {
  return text.replaceAll("\r", "").split("\n").map((line) => line.trimEnd()).join("\n").trim()
    .split("\n");
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
