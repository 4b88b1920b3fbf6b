/** Arbitrary edge statements, for properties. Spans are all zero: compare modulo spans. */
import fc from "fast-check";
import { arbitraryTriggerStatement } from "./trigger.arbitrary.ts";
import type {
  CodeNode,
  EdgeStatement,
  OptionNode,
  OptionValue,
  ParameterNode,
  QualifiedName,
} from "./ast.ts";

const span = { start: 0, end: 0 };

const utf8 = new TextEncoder();

const plainWords = ["a", "greet", "validate_email", "user", "order", "double", "in", "if", "time"];

const identifier = fc.oneof(
  fc.constantFrom(...plainWords),
  fc.string({ unit: "binary", minLength: 1, maxLength: 20 })
    .filter((name) => !name.includes("\0") && utf8.encode(name).length <= 63),
);

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom("$$", "$", "it's", "\\", "$code$", "$code", "-- x", "/* x", ";", "a\nb"),
).map((value) => value.replaceAll("\0", ""));

const name: fc.Arbitrary<QualifiedName> = fc.record({
  schema: fc.option(identifier),
  name: identifier,
  span: fc.constant(span),
});

const type = fc.constantFrom(
  "text",
  "jsonb",
  "numeric(10,2)",
  "numeric(3, -2)",
  "double precision",
  "timestamp with time zone",
  "timestamp(3) without time zone[]",
  "time",
  "text[]",
  "int[3][]",
  "int ARRAY",
  "int array[4]",
  'schema."Weird Type"',
  '"T"',
  "character varying(20)",
  "national character varying (5)",
  "bit varying",
  "interval year to month",
  "interval second(3)",
  "geometry(Point, 4326)",
  "users.email%TYPE",
);

const parameters: fc.Arbitrary<ParameterNode[]> = fc.uniqueArray(
  fc.record({ name: fc.option(identifier), type, span: fc.constant(span) }),
  { maxLength: 4, selector: (parameter) => parameter.name ?? parameter },
);

const value: fc.Arbitrary<OptionValue> = fc.oneof(
  fc.record({
    kind: fc.constant("number" as const),
    text: fc.oneof(
      fc.integer().map(String),
      fc.constantFrom("0.5", "-1.25", "1e3", "2.5e-3"),
    ),
    unit: fc.option(fc.constantFrom("MB", "ms", "min", "%", "Ki", "b_1")),
  }),
  fc.record({ kind: fc.constant("string" as const), value: text }),
  fc.record({ kind: fc.constant("boolean" as const), value: fc.boolean() }),
  fc.record({
    kind: fc.constant("word" as const),
    value: fc.oneof(identifier, fc.constant("true")),
  }),
  fc.record({ kind: fc.constant("list" as const), items: fc.array(text, { maxLength: 3 }) }),
);

const optionName = fc.constantFrom("MEMORY", "TIMEOUT", "AUTH", "SECRETS", "X_1", "DESCRIPTION");

const options: fc.Arbitrary<OptionNode[]> = fc.uniqueArray(
  fc.record({
    name: optionName,
    value,
    nameSpan: fc.constant(span),
    valueSpan: fc.constant(span),
  }),
  { maxLength: 4, selector: (option) => option.name },
);

const code: fc.Arbitrary<CodeNode> = text.map((text) => ({ text, span, verbatim: true }));

const language = fc.constantFrom("javascript", "typescript", "js", "python", "c++").map((name) => ({
  name,
  span,
}));

const sql = fc.constantFrom(
  "",
  "1",
  "'a;)', \"b(\"",
  "f(1, (2)), $$)$$",
  "$1, $2",
  "a /* ) */ + 1",
);

export const arbitraryStatement: fc.Arbitrary<EdgeStatement> = fc.oneof(
  fc.record({
    kind: fc.constant("create_function" as const),
    orReplace: fc.boolean(),
    name,
    parameters: fc.option(parameters),
    returns: fc.option(type.map((type) => ({ type, span }))),
    language: fc.option(language),
    options,
    code: fc.option(code),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constant("alter_function" as const),
    name,
    options,
    code: fc.option(code),
    span: fc.constant(span),
  }).filter((statement) => statement.options.length > 0 || statement.code !== null),
  fc.record({
    kind: fc.constant("drop_function" as const),
    ifExists: fc.boolean(),
    names: fc.array(name, { minLength: 1, maxLength: 3 }),
    behavior: fc.constantFrom("restrict" as const, "cascade" as const),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constant("list" as const),
    objects: fc.constantFrom("functions" as const, "triggers" as const),
    where: fc.option(sql.filter((text) => text !== "").map((text) => ({ text, span }))),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constant("execute_function" as const),
    name,
    arguments: sql.map((text) => ({ text, span })),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constant("warm_function" as const),
    name,
    regions: fc.option(
      fc.array(text.map((text) => ({ text, span })), { minLength: 1, maxLength: 3 }),
    ),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constant("rollback_function" as const),
    name,
    version: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    versionSpan: fc.constant(span),
    span: fc.constant(span),
  }),
  arbitraryTriggerStatement({ name, identifier, options, text }),
);
