/** Statements about triggers, as the requests that `edge.apply` takes. */
import { OrlaError } from "../base/errors.ts";
import { BUCKET_NAME_RULE, isBucketName, PLAIN_NAME_RULE, plainName } from "../base/plain-name.ts";
import { isDefault } from "../functions/options.ts";
import type { QualifiedName } from "../sql/ast.ts";
import type {
  AlterTrigger,
  CreateTrigger,
  FireTrigger,
  PlacedText,
  TriggerArgument,
  TriggerSource,
} from "../sql/trigger-ast.ts";
import { parsePath, routeOf } from "../triggers/http/path.ts";
import { parseSchedule } from "../triggers/schedule/schedule.ts";
import type { TriggerKind } from "../triggers/trigger.ts";
import { triggerOptions } from "../triggers/trigger-option-table.ts";
import { parseTriggerOptions } from "../triggers/trigger-options.ts";
import { characterPosition } from "./rewrite.ts";
import { authRequest, checkValues, isWritten, placed } from "./trigger-option-checks.ts";

export function createTriggerRequest(text: string, statement: CreateTrigger): unknown {
  const { source, name } = statement;
  const kind: TriggerKind = source.kind;
  const { options: read, secret } = parseTriggerOptions(statement.options, kind);
  checkCombination(statement, read);
  const options = checkValues(statement.options, read, secret);
  return {
    ...namePlace(text, name),
    orReplace: statement.orReplace,
    kind,
    spec: specOf(text, source, options),
    sourcePosition: characterPosition(text, placeOf(source)),
    function: namePlace(text, statement.function),
    arguments: statement.arguments?.map((argument) => argumentOf(text, argument)) ?? null,
    options,
    ...authRequest(text, statement.options, options, secret),
    secret: secret ?? null,
  };
}

export function alterTriggerRequest(text: string, statement: AlterTrigger): unknown {
  const { options: read, secret } = parseTriggerOptions(statement.options, null);
  const options = checkValues(statement.options, read, secret);
  const given = triggerOptions.filter(({ name }) => isWritten(statement.options, name));
  const defaults = new Set(
    statement.options.filter(({ value }) => isDefault(value)).map(({ name }) => name),
  );
  return {
    ...namePlace(text, statement.name),
    options,
    // Those that are set no longer.
    defaults: given.filter(({ name }) => defaults.has(name)).map(({ field }) => field),
    ...authRequest(text, statement.options, options, secret),
    ...secret === undefined ? {} : { secret },
    // The database knows the kind and the other options of the trigger, and refuses what does not fit them.
    kinds: Object.fromEntries(given.map(({ name, kinds }) => [name, kinds])),
    known: Object.fromEntries(
      triggerOptions.map(({ field, name, runs }) => [field, { name, runs }]),
    ),
  };
}

export function fireTriggerRequest(text: string, { name, input }: FireTrigger): unknown {
  if (input === null) return namePlace(text, name);
  try {
    return { ...namePlace(text, name), input: JSON.parse(input.text) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OrlaError("invalid_request", `the input is no JSON: ${reason}`, {
      cause,
      position: input.span.start,
    });
  }
}

export function namePlace(text: string, { schema, name, span }: QualifiedName) {
  return { schema, name, position: characterPosition(text, span.start) };
}

function specOf(
  text: string,
  source: TriggerSource,
  options: Readonly<Record<string, unknown>>,
): unknown {
  switch (source.kind) {
    case "database":
      return {
        timing: source.timing,
        events: source.events.map(({ operation, columns }) => ({ operation, columns })),
        table: namePlace(text, source.table),
        forEach: source.forEach,
        when: source.when?.text ?? null,
      };
    case "http": {
      const segments = placed(source.path.span.start, () => parsePath(source.path.text));
      const { path: { text: path }, method } = source;
      return { method, path, route: routeOf(segments), host: options["host"] ?? null };
    }
    case "schedule": {
      const { schedule } = source;
      placed(
        schedule.span.start,
        () => parseSchedule(schedule.text, String(options["timezone"] ?? "UTC")),
      );
      return { schedule: schedule.text };
    }
    case "queue":
      return { queue: named(source.queue, "queue") };
    case "upload":
      return { bucket: named(source.bucket, "bucket") };
    case "hook":
      return { hook: named(source.hook, "hook") };
  }
}

function argumentOf(text: string, argument: TriggerArgument): unknown {
  switch (argument.kind) {
    case "row":
      return { kind: "row", row: argument.row };
    case "column":
      return {
        kind: "column",
        row: argument.row,
        column: argument.column,
        position: characterPosition(text, argument.span.start),
      };
    case "literal":
      return { kind: "literal", value: argument.value };
  }
}

const NEVER_THERE = [["old", "OLD", "insert"], ["new", "NEW", "delete"]] as const;

/** What would be accepted and then mean nothing. */
function checkCombination(
  { source, options: written, arguments: args, span }: CreateTrigger,
  options: Readonly<Record<string, unknown>>,
): void {
  if (source.kind !== "database") return;
  if (source.forEach === "statement" && source.timing === "after" && source.events.length > 1) {
    throw new OrlaError("not_supported", "FOR EACH STATEMENT takes one operation", {
      position: source.events[1]?.span.start ?? span.start,
      hint: "Make one trigger for each of INSERT, UPDATE and DELETE.",
    });
  }
  const columns = source.events.find(({ columns }) => columns.length > 0);
  if (source.forEach === "statement" && source.timing === "after" && columns !== undefined) {
    throw new OrlaError("not_supported", "FOR EACH STATEMENT takes no UPDATE OF columns", {
      position: columns.span.start,
      hint: "Postgres hands over the rows of whole updates only. Say UPDATE, or FOR EACH ROW.",
    });
  }
  for (const [wanted, missing, operation] of NEVER_THERE) {
    const empty = args?.find((argument) => argument.kind !== "literal" && argument.row === wanted);
    if (empty === undefined || source.events.some((event) => event.operation !== operation)) {
      continue;
    }
    throw new OrlaError("invalid_option", `${operation.toUpperCase()} has no ${missing}`, {
      position: empty.span.start,
      hint: wanted === "new" ? "OLD is the row that goes." : "NEW is the row that comes.",
    });
  }
  const row = args?.find(({ kind }) => kind !== "literal");
  if (source.forEach === "statement" && row !== undefined) {
    throw new OrlaError("invalid_option", "a statement has no NEW and OLD", {
      position: row.span.start,
      hint: "Without arguments the function gets the event with its rows. Or say FOR EACH ROW.",
    });
  }
  const placeOfOption = (name: string) =>
    written.find((option) => option.name === name)?.nameSpan.start ?? span.start;
  const isSync = source.timing !== "after" || options["sync"] === true;
  for (const { name, field, runs } of triggerOptions) {
    if (!Object.hasOwn(options, field)) continue;
    if (runs !== undefined && runs !== (isSync ? "within" : "later")) {
      throw new OrlaError(
        "invalid_option",
        isSync
          ? `${name} belongs to triggers that run through the queue`
          : `${name} belongs to triggers that run within the statement`,
        {
          position: placeOfOption(name),
          hint: "AFTER triggers run through the queue unless SYNC = true.",
        },
      );
    }
    if (field === "sync" && source.timing !== "after") {
      throw new OrlaError("invalid_option", "SYNC belongs to AFTER triggers", {
        position: placeOfOption(name),
        hint: "BEFORE and INSTEAD OF triggers always run within the statement.",
      });
    }
  }
}

function named(name: PlacedText, what: "queue" | "bucket" | "hook"): string {
  const isBucket = what === "bucket";
  if (isBucket ? isBucketName(name.text) : plainName.test(name.text)) return name.text;
  throw new OrlaError("invalid_option", `"${name.text}" cannot be the name of a ${what}`, {
    position: name.span.start,
    hint: isBucket ? BUCKET_NAME_RULE : PLAIN_NAME_RULE,
  });
}

function placeOf(source: TriggerSource): number {
  switch (source.kind) {
    case "database":
      return source.table.span.start;
    case "http":
      return source.path.span.start;
    case "schedule":
      return source.schedule.span.start;
    case "queue":
      return source.queue.span.start;
    case "upload":
      return source.bucket.span.start;
    case "hook":
      return source.hook.span.start;
  }
}
