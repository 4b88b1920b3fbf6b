/** Edge statements as text: what `parseStatements` reads back as the same tree. */
import type { AlterFunction, CreateFunction, EdgeStatement } from "./ast.ts";
import { mayStartLongType } from "./column-type.ts";
import {
  dollarQuote,
  printIdentifier,
  printName,
  printOption,
  quoteIdentifier,
  quoteString,
} from "./print-token.ts";
import { printTriggerStatement } from "./print-trigger.ts";

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
    case "list": {
      const list = `LIST EDGE ${statement.objects.toUpperCase()}`;
      return statement.where === null ? list : `${list} WHERE ${statement.where.text}`;
    }
    case "execute_function":
      return `EXECUTE EDGE FUNCTION ${printName(statement.name)}(${statement.arguments.text})`;
    case "rollback_function":
      return `ROLLBACK EDGE FUNCTION ${printName(statement.name)} TO VERSION ${statement.version}`;
    case "warm_function": {
      const warm = `WARM EDGE FUNCTION ${printName(statement.name)}`;
      const regions = statement.regions?.map((region) => quoteString(region.text));
      return regions === undefined ? warm : `${warm} IN REGIONS (${regions.join(", ")})`;
    }
    default:
      return printTriggerStatement(statement);
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

const parameterModes = ["in", "out", "inout", "variadic"];

function printParameterName(name: string): string {
  return parameterModes.includes(name) || mayStartLongType(name)
    ? quoteIdentifier(name)
    : printIdentifier(name);
}
