/** Edge statements as text: what `parseStatements` reads back as the same tree. */
import type {
  AlterFunction,
  CreateFunction,
  EdgeStatement,
  OptionNode,
  OptionValue,
} from "./ast.ts";
import { mayStartLongType } from "./column-type.ts";

export function printStatement(statement: EdgeStatement): string {
  switch (statement.kind) {
    case "create_function":
      return printCreate(statement);
    case "alter_function":
      return printAlter(statement);
    case "drop_function": {
      const exists = statement.ifExists ? "IF EXISTS " : "";
      const cascade = statement.behavior === "cascade" ? " CASCADE" : "";
      return `DROP EDGE FUNCTION ${exists}${statement.names.map(printName).join(", ")}${cascade}`;
    }
    case "list":
      return statement.where === null
        ? "LIST EDGE FUNCTIONS"
        : `LIST EDGE FUNCTIONS WHERE ${statement.where.text}`;
    case "execute_function":
      return `EXECUTE EDGE FUNCTION ${printName(statement.name)}(${statement.arguments.text})`;
    case "rollback_function":
      return `ROLLBACK EDGE FUNCTION ${printName(statement.name)} TO VERSION ${statement.version}`;
  }
}

function printCreate(statement: CreateFunction): string {
  const verb = statement.orReplace ? "CREATE OR REPLACE" : "CREATE";
  const parameters = statement.parameters?.map(({ name, type }) =>
    name === null ? type : `${printParameterName(name)} ${type}`
  );
  const lines = [
    `${verb} EDGE FUNCTION ${printName(statement.name)}${
      parameters === undefined ? "" : `(${parameters.join(", ")})`
    }`,
  ];
  if (statement.returns !== null) lines.push(`RETURNS ${statement.returns.type}`);
  if (statement.language !== null) {
    lines.push(`LANGUAGE ${printIdentifier(statement.language.name)}`);
  }
  for (const option of statement.options) lines.push(printOption(option, " "));
  if (statement.code !== null) lines.push(`AS ${dollarQuote(statement.code.text)}`);
  return lines.join("\n");
}

function printAlter(statement: AlterFunction): string {
  const settings = statement.options.map((option) => printOption(option, " = "));
  if (statement.code !== null) settings.push(`CODE = ${dollarQuote(statement.code.text)}`);
  return `ALTER EDGE FUNCTION ${printName(statement.name)}\nSET ${settings.join(",\n    ")}`;
}

function printOption(option: OptionNode, separator: string): string {
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

function printName(name: { readonly schema: string | null; readonly name: string }): string {
  // IF and a keyword after it would be read as IF EXISTS.
  const own = name.name === "if" ? quoteIdentifier(name.name) : printIdentifier(name.name);
  return name.schema === null ? own : `${printIdentifier(name.schema)}.${own}`;
}

const parameterModes = ["in", "out", "inout", "variadic"];

function printParameterName(name: string): string {
  return parameterModes.includes(name) || mayStartLongType(name)
    ? quoteIdentifier(name)
    : printIdentifier(name);
}

function printIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoteIdentifier(name);
}

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function quoteString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** `$$…$$`, or with a tag when the text would end it early. */
function dollarQuote(text: string): string {
  for (let attempt = 0;; attempt++) {
    const delimiter = attempt === 0 ? "$$" : `$code${attempt === 1 ? "" : attempt}$`;
    if (`${text}${delimiter}`.indexOf(delimiter) === text.length) {
      return `${delimiter}${text}${delimiter}`;
    }
  }
}
