import type { FunctionVersion } from "../functions/function.ts";

/** Finds functions by what does not change when they are renamed. Implemented by `catalog/`. */
export interface FunctionsById {
  currentVersion(functionId: string): FunctionVersion | undefined;
}
