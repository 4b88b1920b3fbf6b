/** Abstract syntax of the statements about triggers. */
import type { OptionNode, QualifiedName, Span } from "./ast.ts";

export interface CreateTrigger {
  readonly kind: "create_trigger";
  readonly orReplace: boolean;
  readonly name: QualifiedName;
  readonly source: TriggerSource;
  readonly options: readonly OptionNode[];
  readonly function: QualifiedName;
  /** `null` without parentheses. */
  readonly arguments: readonly TriggerArgument[] | null;
  readonly span: Span;
}

/** What causes the invocations. */
export type TriggerSource =
  | DatabaseSource
  | { readonly kind: "http"; readonly method: HttpMethod; readonly path: PlacedText }
  | { readonly kind: "schedule"; readonly schedule: PlacedText }
  | { readonly kind: "queue"; readonly queue: PlacedText }
  | { readonly kind: "upload"; readonly bucket: PlacedText }
  | { readonly kind: "hook"; readonly hook: PlacedText };

export const httpMethods = [
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"] as const,
] as const;

export type HttpMethod = typeof httpMethods[number];

export interface DatabaseSource {
  readonly kind: "database";
  readonly timing: "before" | "after" | "instead_of";
  readonly events: readonly TriggerEvent[];
  readonly table: QualifiedName;
  readonly forEach: "row" | "statement";
  /** The condition between the parentheses of WHEN, for Postgres to read. */
  readonly when: PlacedText | null;
}

export interface TriggerEvent {
  readonly operation: "insert" | "update" | "delete";
  /** Of UPDATE OF; otherwise empty. */
  readonly columns: readonly string[];
  readonly span: Span;
}

/** `NEW.*`, `NEW.email`, or a literal as it was written. */
export type TriggerArgument =
  | { readonly kind: "row"; readonly row: "new" | "old"; readonly span: Span }
  | {
    readonly kind: "column";
    readonly row: "new" | "old";
    readonly column: string;
    readonly span: Span;
  }
  | {
    readonly kind: "literal";
    readonly value: string | number | boolean | null;
    /** As it was written. */
    readonly text: string;
    readonly span: Span;
  };

export interface PlacedText {
  readonly text: string;
  readonly span: Span;
}

export interface AlterTrigger {
  readonly kind: "alter_trigger";
  readonly name: QualifiedName;
  readonly options: readonly OptionNode[];
  readonly span: Span;
}

/** Without ON: what has it is one of Postgres's own. */
export interface DropTrigger {
  readonly kind: "drop_trigger";
  readonly ifExists: boolean;
  readonly names: readonly QualifiedName[];
  readonly span: Span;
}

export interface SwitchTrigger {
  readonly kind: "switch_trigger";
  readonly enabled: boolean;
  readonly name: QualifiedName;
  readonly span: Span;
}

/** `EXECUTE TRIGGER t [WITH INPUT = '{…}']`: fires it now. */
export interface FireTrigger {
  readonly kind: "fire_trigger";
  readonly name: QualifiedName;
  readonly input: PlacedText | null;
  readonly span: Span;
}

/** `EXECUTE EDGE FUNCTION f REPLAY 'execution-id' [VERSION n]`. */
export interface ReplayExecution {
  readonly kind: "replay_execution";
  readonly name: QualifiedName;
  readonly executionId: PlacedText;
  readonly version: number | null;
  readonly span: Span;
}

export type TriggerStatement =
  | CreateTrigger
  | AlterTrigger
  | DropTrigger
  | SwitchTrigger
  | FireTrigger
  | ReplayExecution;
