/** Names, literals and options as text. */
import type { OptionNode, OptionValue } from "./ast.ts";

export function printOption(option: OptionNode, separator: string): string {
  return `${option.name}${separator}${printValue(option.value)}`;
}

function printValue(value: OptionValue): string {
  switch (value.kind) {
    case "number":
      return `${value.text}${value.unit ?? ""}`;
    case "string":
      return quoteString(value.value);
    case "boolean":
      return value.value ? "true" : "false";
    case "word":
      // Quotes keep the word `true` apart from the value.
      return value.value === "true" || value.value === "false"
        ? quoteIdentifier(value.value)
        : printIdentifier(value.value);
    case "list":
      return `(${value.items.map(quoteString).join(", ")})`;
  }
}

export function printName(name: { readonly schema: string | null; readonly name: string }): string {
  // IF and a keyword after it would be read as IF EXISTS.
  const own = name.name === "if" ? quoteIdentifier(name.name) : printIdentifier(name.name);
  return name.schema === null ? own : `${printIdentifier(name.schema)}.${own}`;
}

export function printIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoteIdentifier(name);
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** `$$…$$`, or with a tag when the text would end it early. */
export function dollarQuote(text: string): string {
  for (let attempt = 0;; attempt++) {
    const delimiter = attempt === 0 ? "$$" : `$code${attempt === 1 ? "" : attempt}$`;
    if (`${text}${delimiter}`.indexOf(delimiter) === text.length) {
      return `${delimiter}${text}${delimiter}`;
    }
  }
}
