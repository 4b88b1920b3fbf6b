/**
 * Abstract syntax of the edge dialect. Every node knows where it stands in the text it came from, so
 * that an error can point at the offending token.
 *
 * Offsets are 0-based UTF-16 code units of the query string.
 */

import type { PlacedText, TriggerStatement } from "./trigger-ast.ts";

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** `name` or `schema.name`, case-folded as Postgres folds unquoted identifiers. */
export interface QualifiedName {
  readonly schema: string | null;
  readonly name: string;
  readonly span: Span;
}

/** A parameter of CREATE EDGE FUNCTION. The type is kept as written, for Postgres to resolve. */
export interface ParameterNode {
  readonly name: string | null;
  readonly type: string;
  readonly span: Span;
}

/** A value after an option's name. Units stay attached: `256MB` is `{ number: 256, unit: "MB" }`. */
export type OptionValue =
  | { readonly kind: "number"; readonly text: string; readonly unit: string | null }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "word"; readonly value: string }
  | { readonly kind: "list"; readonly items: readonly string[] };

/** `MEMORY 256MB`, `MEMORY = 256MB`. The name is upper case. */
export interface OptionNode {
  readonly name: string;
  readonly value: OptionValue;
  readonly nameSpan: Span;
  readonly valueSpan: Span;
}

export interface CreateFunction {
  readonly kind: "create_function";
  readonly orReplace: boolean;
  readonly name: QualifiedName;
  /** `null` when the statement has no parentheses: the function takes one JSON payload. */
  readonly parameters: readonly ParameterNode[] | null;
  /** As written, `null` without RETURNS. */
  readonly returns: { readonly type: string; readonly span: Span } | null;
  readonly language: { readonly name: string; readonly span: Span } | null;
  readonly options: readonly OptionNode[];
  /** `null` without AS. `span` covers the code inside its quotes, to place the code's own errors. */
  readonly code: CodeNode | null;
  readonly span: Span;
}

export interface CodeNode {
  readonly text: string;
  readonly span: Span;
  /** True when `text` stands in the statement character by character (dollar quotes). */
  readonly verbatim: boolean;
}

export interface AlterFunction {
  readonly kind: "alter_function";
  readonly name: QualifiedName;
  /** `SET CODE = …` stands in `code`, everything else in `options`. */
  readonly options: readonly OptionNode[];
  readonly code: CodeNode | null;
  readonly span: Span;
}

export interface DropFunction {
  readonly kind: "drop_function";
  readonly ifExists: boolean;
  readonly names: readonly QualifiedName[];
  readonly behavior: "restrict" | "cascade";
  readonly span: Span;
}

/** `LIST EDGE FUNCTIONS [WHERE …]`; the condition is passed to Postgres as written. */
export interface ListObjects {
  readonly kind: "list";
  readonly objects: "functions" | "triggers";
  readonly where: { readonly text: string; readonly span: Span } | null;
  readonly span: Span;
}

/** `EXECUTE EDGE FUNCTION f(args)`; the arguments are passed to Postgres as written. */
export interface ExecuteFunction {
  readonly kind: "execute_function";
  readonly name: QualifiedName;
  readonly arguments: { readonly text: string; readonly span: Span };
  readonly span: Span;
}

export interface RollbackFunction {
  readonly kind: "rollback_function";
  readonly name: QualifiedName;
  readonly version: number;
  readonly versionSpan: Span;
  readonly span: Span;
}

/** `WARM EDGE FUNCTION f [IN REGIONS ('a', …)]` */
export interface WarmFunction {
  readonly kind: "warm_function";
  readonly name: QualifiedName;
  /** `null` for all. */
  readonly regions: readonly PlacedText[] | null;
  readonly span: Span;
}

export type EdgeStatement =
  | CreateFunction
  | AlterFunction
  | DropFunction
  | ListObjects
  | ExecuteFunction
  | RollbackFunction
  | WarmFunction
  | TriggerStatement;

/** One statement of a query string. Ordinary SQL is kept as its span: it passes byte for byte. */
export type Statement =
  | { readonly kind: "edge"; readonly statement: EdgeStatement; readonly span: Span }
  | { readonly kind: "plain"; readonly span: Span };
