/** The operation `metric` of `functions/host-services.ts`. */
import { z } from "zod";
import { qualifiedName } from "../functions/function.ts";
import type { Operation } from "./host-services.ts";
import { parseInput } from "./input.ts";

/** Where functions' own metrics go. Implemented by `observability/`. */
export interface FunctionMetrics {
  /** Takes off no time; what is too much is dropped and counted there. */
  record(functionName: string, metric: string, value: number): void;
}

const schema = z.strictObject({
  name: z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/),
  value: z.number(),
});

export function metricOperation(metrics: FunctionMetrics): Readonly<Record<"metric", Operation>> {
  return {
    metric: (input, { version }) => {
      const { name, value } = parseInput("metric", schema, input);
      metrics.record(qualifiedName(version), name, value);
      return Promise.resolve("null");
    },
  };
}
