/** Arbitrary statements about triggers, for properties. */
import fc from "fast-check";
import type { OptionNode, QualifiedName } from "./ast.ts";
import {
  type HttpMethod,
  httpMethods,
  type PlacedText,
  type TriggerArgument,
  type TriggerEvent,
  type TriggerSource,
  type TriggerStatement,
} from "./trigger-ast.ts";

interface Parts {
  readonly name: fc.Arbitrary<QualifiedName>;
  readonly identifier: fc.Arbitrary<string>;
  readonly options: fc.Arbitrary<OptionNode[]>;
  readonly text: fc.Arbitrary<string>;
}

const span = fc.constant({ start: 0, end: 0 });

export function arbitraryTriggerStatement(
  { name, identifier, options, text }: Parts,
): fc.Arbitrary<TriggerStatement> {
  const placed: fc.Arbitrary<PlacedText> = fc.record({ text, span });
  const event: fc.Arbitrary<TriggerEvent> = fc.oneof(
    fc.record({
      operation: fc.constantFrom("insert" as const, "delete" as const),
      columns: fc.constant([]),
      span,
    }),
    fc.record({
      operation: fc.constant("update" as const),
      columns: fc.array(identifier, { maxLength: 3 }),
      span,
    }),
  );
  const row = fc.constantFrom("new" as const, "old" as const);
  const argument: fc.Arbitrary<TriggerArgument> = fc.oneof(
    fc.record({ kind: fc.constant("row" as const), row, span }),
    fc.record({ kind: fc.constant("column" as const), row, column: identifier, span }),
    fc.constantFrom<readonly [string, string | number | boolean | null]>(
      ["1", 1],
      ["-2.5", -2.5],
      ["'it''s'", "it's"],
      ["true", true],
      ["NULL", null],
      ["$$a)$$", "a)"],
    ).map(([text, value]) => ({
      kind: "literal" as const,
      value,
      text,
      span: { start: 0, end: 0 },
    })),
  );
  const condition: fc.Arbitrary<PlacedText> = fc.record({
    text: fc.constantFrom("NEW.a > (1)", "NEW.b = ')'", " true "),
    span,
  });
  const when: fc.Arbitrary<PlacedText | null> = fc.option(condition);
  const database: fc.Arbitrary<TriggerSource> = fc.record({
    kind: fc.constant("database" as const),
    timing: fc.constantFrom("before" as const, "after" as const, "instead_of" as const),
    events: fc.array(event, { minLength: 1, maxLength: 3 }),
    table: name,
    forEach: fc.constantFrom("row" as const, "statement" as const),
    when,
  });
  const other: fc.Arbitrary<TriggerSource> = fc.oneof(
    fc.record({
      kind: fc.constant("http" as const),
      method: fc.constantFrom<HttpMethod>(...httpMethods),
      path: placed,
    }),
    fc.record({ kind: fc.constant("schedule" as const), schedule: placed }),
    fc.record({ kind: fc.constant("queue" as const), queue: placed }),
    fc.record({ kind: fc.constant("upload" as const), bucket: placed }),
    fc.record({ kind: fc.constant("hook" as const), hook: placed }),
  );
  const create = (source: fc.Arbitrary<TriggerSource>, args: fc.Arbitrary<TriggerArgument[]>) =>
    fc.record({
      kind: fc.constant("create_trigger" as const),
      orReplace: fc.boolean(),
      name,
      source,
      options,
      function: name,
      arguments: fc.option(args),
      span,
    });
  return fc.oneof(
    create(database, fc.array(argument, { maxLength: 3 })),
    create(other, fc.constant([])),
    fc.record({
      kind: fc.constant("alter_trigger" as const),
      name,
      options: options.filter(({ length }) => length > 0),
      span,
    }),
    fc.record({
      kind: fc.constant("drop_trigger" as const),
      ifExists: fc.boolean(),
      names: fc.array(name, { minLength: 1, maxLength: 3 }),
      span,
    }),
    fc.record({
      kind: fc.constant("switch_trigger" as const),
      enabled: fc.boolean(),
      name,
      span,
    }),
    fc.record({
      kind: fc.constant("fire_trigger" as const),
      name,
      input: fc.option(placed),
      span,
    }),
    fc.record({
      kind: fc.constant("replay_execution" as const),
      name,
      executionId: placed,
      version: fc.option(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
      span,
    }),
  );
}
