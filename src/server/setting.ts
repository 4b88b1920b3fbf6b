/** One setting of `orla start`: its names, what it may be, and what it is for. */
import type { z } from "zod";

export interface Setting<T = unknown> {
  /** Name of the environment variable. */
  readonly env: string;
  /** Name of the command line's flag, without dashes. */
  readonly flag: string;
  /** Reads a string (environment, flag) or a JSON value (file). */
  readonly schema: z.ZodType<T>;
  /** Completes "… must be". */
  readonly expects: string;
  readonly default: T;
  /** The default as help shows it, where the value itself says too little. */
  readonly shownDefault?: string;
  /** Placeholder in help. */
  readonly value: string;
  readonly help: string;
  /** Never printed. */
  readonly secret?: true;
  /** A path: relative to the file it stands in, or to the working directory. */
  readonly path?: true;
  /** Why setting it is refused. */
  readonly unsupported?: string;
}

/** Keeps the type of its value. */
export function setting<T>(description: Setting<T>): Setting<T> {
  return description;
}
