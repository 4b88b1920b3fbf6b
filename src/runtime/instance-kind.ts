/**
 * Kinds of processes that wait for a function: Deno for JavaScript, TypeScript and WebAssembly, and one
 * for each Python environment.
 */
import type { FunctionVersion } from "../functions/function.ts";
import type { Launcher } from "./launcher.ts";

export interface InstanceKind {
  /** Blank instances of one name can stand in for each other. */
  readonly name: string;
  readonly launcher: Launcher;
  /** Blank instances kept ready; with 0 each is started when it is needed. */
  readonly poolSize: number;
  /** Size of the largest file an instance may write. */
  readonly maxFileBytes: number;
  /** Whether instances have a scratch directory, which is looked after. */
  readonly hasScratch: boolean;
}

/** Kinds beside the one that every node has. */
export interface InstanceKinds {
  /** `undefined` where the version is none of its own. Throws OrlaError where it cannot run here. */
  kindOf(version: FunctionVersion): InstanceKind | undefined;
}
