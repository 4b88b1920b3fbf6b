import type { FunctionOptions } from "../functions/function.ts";

/** How many instances of a version a node keeps. */
export interface PoolSize {
  /** Serving at any time, calls or not. */
  readonly least: number;
  /** Serving and spare together. */
  readonly most: number;
  /** Imported and waiting until another is needed, beyond those that serve. */
  readonly spare: number;
}

export const NO_INSTANCES: PoolSize = { least: 0, most: 0, spare: 0 };

export function poolSizeOf(options: FunctionOptions): PoolSize {
  const { autoScaling, minInstances, maxInstances, coldStartOptimization, warmCacheSize } = options;
  if (!autoScaling) {
    const fixed = Math.max(1, minInstances);
    return { least: fixed, most: fixed, spare: 0 };
  }
  const spare = coldStartOptimization ? Math.max(1, warmCacheSize) : 0;
  return { least: minInstances, most: maxInstances, spare };
}
