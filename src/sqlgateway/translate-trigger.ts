/** Statements about triggers, as the requests that `edge.apply` takes. */
import { OrlaError, toOrlaError } from "../base/errors.ts";
import type { OptionNode, QualifiedName } from "../sql/ast.ts";
import type {
  AlterTrigger,
  CreateTrigger,
  FireTrigger,
  PlacedText,
  TriggerArgument,
  TriggerSource,
} from "../sql/trigger-ast.ts";
import { addressList } from "../triggers/http/address-list.ts";
import { parsePath, routeOf } from "../triggers/http/path.ts";
import { parseRate } from "../triggers/queue/rate.ts";
import { parseSchedule } from "../triggers/schedule/schedule.ts";
import type { TriggerKind } from "../triggers/trigger.ts";
import { triggerOptions } from "../triggers/trigger-option-table.ts";
import { parseTriggerOptions } from "../triggers/trigger-options.ts";
import { characterPosition } from "./rewrite.ts";

/** Letters, digits, dots, dashes, underscores: fit for URLs, files and logs. */
const objectName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function createTriggerRequest(text: string, statement: CreateTrigger): unknown {
  const { source, name } = statement;
  const kind: TriggerKind = source.kind;
  const { options, secret } = parseTriggerOptions(statement.options, kind);
  checkCombination(statement, options);
  checkValues(statement.options, options);
  if (kind === "http") checkSecret(statement, options, secret);
  return {
    ...namePlace(text, name),
    orReplace: statement.orReplace,
    kind,
    spec: specOf(text, source, options),
    sourcePosition: characterPosition(text, placeOf(source)),
    function: namePlace(text, statement.function),
    arguments: statement.arguments?.map(argumentOf) ?? null,
    options,
    secret,
  };
}

export function alterTriggerRequest(text: string, statement: AlterTrigger): unknown {
  const { options, secret } = parseTriggerOptions(statement.options, null);
  const given = triggerOptions.filter(({ field }) => Object.hasOwn(options, field));
  checkValues(statement.options, options);
  if (Object.hasOwn(options, "host")) {
    throw new OrlaError("invalid_option", "HOST cannot be changed", {
      position: statement.options.find(({ name }) => name === "HOST")?.nameSpan.start ?? 0,
      hint: "Use CREATE OR REPLACE TRIGGER.",
    });
  }
  return {
    ...namePlace(text, statement.name),
    options,
    secret,
    // The database knows the trigger's kind, and refuses what that has not.
    kinds: Object.fromEntries(given.map(({ field, kinds }) => [field, kinds])),
    names: Object.fromEntries(given.map(({ field, name }) => [field, name])),
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

/** Values that no type alone can check. */
function checkValues(
  written: readonly OptionNode[],
  options: Readonly<Record<string, unknown>>,
): void {
  const at = (name: string, check: () => void) =>
    placed(written.find((option) => option.name === name)?.valueSpan.start ?? 0, check);
  const { rate, timezone, ipWhitelist } = options;
  if (typeof rate === "string") at("RATE", () => void parseRate(rate));
  if (typeof timezone === "string") at("TIMEZONE", () => void parseSchedule("@daily", timezone));
  if (Array.isArray(ipWhitelist)) at("IP_WHITELIST", () => void addressList(ipWhitelist));
}

const SIGNED: readonly unknown[] = ["hmac", "stripe", "github", "slack"];

function checkSecret(
  { options: written, span }: CreateTrigger,
  options: Readonly<Record<string, unknown>>,
  secret: string | null,
): void {
  const isSigned = SIGNED.includes(options["auth"]);
  if (isSigned === (secret !== null)) return;
  const name = isSigned ? "AUTH" : "SECRET";
  throw new OrlaError(
    "invalid_option",
    isSigned ? `AUTH = '${options["auth"]}' needs a SECRET` : "SECRET is for signed webhooks",
    {
      position: written.find((option) => option.name === name)?.nameSpan.start ?? span.start,
      hint: isSigned
        ? "It is the signing key that the sender shows."
        : "It goes with AUTH = 'hmac', 'stripe', 'github' or 'slack'.",
    },
  );
}

function argumentOf(argument: TriggerArgument): unknown {
  switch (argument.kind) {
    case "row":
      return { kind: "row", row: argument.row };
    case "column":
      return { kind: "column", row: argument.row, column: argument.column };
    case "literal":
      return { kind: "literal", value: argument.value };
  }
}

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

function named(name: PlacedText, what: string): string {
  if (objectName.test(name.text)) return name.text;
  throw new OrlaError("invalid_option", `"${name.text}" cannot be the name of a ${what}`, {
    position: name.span.start,
    hint: "A name has at most 100 letters, digits, dots, dashes and underscores.",
  });
}

/** Errors of what stands from `start` on point into it. */
function placed<T>(start: number, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const { code, message, hint, position = 0 } = toOrlaError(thrown);
    throw new OrlaError(code, message, {
      position: start + position,
      ...(hint === undefined ? {} : { hint }),
    });
  }
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
