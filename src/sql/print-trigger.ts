/** Statements about triggers as text. */
import { printIdentifier, printName, printOption, quoteString } from "./print-token.ts";
import type {
  CreateTrigger,
  DatabaseSource,
  TriggerArgument,
  TriggerEvent,
  TriggerStatement,
} from "./trigger-ast.ts";

export function printTriggerStatement(statement: TriggerStatement): string {
  const name = printName(statement.kind === "drop_trigger" ? noName : statement.name);
  switch (statement.kind) {
    case "create_trigger":
      return printCreate(statement);
    case "alter_trigger": {
      const settings = statement.options.map((option) => printOption(option, " = "));
      return `ALTER TRIGGER ${name}\nSET ${settings.join(",\n    ")}`;
    }
    case "drop_trigger": {
      const exists = statement.ifExists ? "IF EXISTS " : "";
      return `DROP TRIGGER ${exists}${statement.names.map(printName).join(", ")}`;
    }
    case "switch_trigger":
      return `${statement.enabled ? "ENABLE" : "DISABLE"} TRIGGER ${name}`;
    case "fire_trigger": {
      const input = statement.input === null
        ? ""
        : ` WITH INPUT = ${quoteString(statement.input.text)}`;
      return `EXECUTE TRIGGER ${name}${input}`;
    }
    case "replay_execution": {
      const version = statement.version === null ? "" : ` VERSION ${statement.version}`;
      return `EXECUTE EDGE FUNCTION ${name} REPLAY ${
        quoteString(statement.executionId.text)
      }${version}`;
    }
  }
}

const noName = { schema: null, name: "" };

function printCreate(statement: CreateTrigger): string {
  const { options, arguments: args } = statement;
  return [
    `CREATE ${statement.orReplace ? "OR REPLACE " : ""}TRIGGER ${printName(statement.name)}`,
    ...printSource(statement),
    ...(options.length === 0
      ? []
      : [`WITH (${options.map((option) => printOption(option, " = ")).join(", ")})`]),
    `EXECUTE EDGE FUNCTION ${printName(statement.function)}${
      args === null ? "" : `(${args.map(printArgument).join(", ")})`
    }`,
  ].join("\n");
}

function printSource({ source }: CreateTrigger): string[] {
  switch (source.kind) {
    case "database":
      return printDatabaseSource(source);
    case "http":
      return [`ON HTTP ${source.method} ${quoteString(source.path.text)}`];
    case "schedule":
      return [`ON SCHEDULE ${quoteString(source.schedule.text)}`];
    case "queue":
      return [`ON QUEUE ${quoteString(source.queue.text)}`];
    case "upload":
      return [`ON FILE_UPLOAD BUCKET ${quoteString(source.bucket.text)}`];
    case "hook":
      return [`ON HOOK ${quoteString(source.hook.text)}`];
  }
}

function printDatabaseSource(source: DatabaseSource): string[] {
  const timing = source.timing === "instead_of" ? "INSTEAD OF" : source.timing.toUpperCase();
  return [
    `${timing} ${source.events.map(printEvent).join(" OR ")} ON ${printName(source.table)}`,
    `FOR EACH ${source.forEach.toUpperCase()}`,
    ...(source.when === null ? [] : [`WHEN (${source.when.text})`]),
  ];
}

function printEvent({ operation, columns }: TriggerEvent): string {
  const of = columns.length === 0 ? "" : ` OF ${columns.map(printIdentifier).join(", ")}`;
  return `${operation.toUpperCase()}${of}`;
}

function printArgument(argument: TriggerArgument): string {
  switch (argument.kind) {
    case "row":
      return `${argument.row.toUpperCase()}.*`;
    case "column":
      return `${argument.row.toUpperCase()}.${printIdentifier(argument.column)}`;
    case "literal":
      return argument.text;
  }
}
