/** What `/metrics` tells about the node itself, beside its functions' calls: read at each scrape. */
import type { Catalog } from "../catalog/catalog.ts";
import type { ExecutionWriter } from "../observability/execution-writer.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Runtime } from "../runtime/supervisor.ts";

export interface NodeParts {
  readonly catalog: Pick<Catalog, "size">;
  readonly runtime: Pick<Runtime, "stats">;
  readonly writer: Pick<ExecutionWriter, "counters">;
}

export function watchNode(metrics: Metrics, { catalog, runtime, writer }: NodeParts): void {
  metrics.watch({
    type: "gauge",
    name: "orla_functions",
    help: "Functions that exist.",
    labelNames: [],
    read: () => [{ labels: {}, value: catalog.size }],
  });
  metrics.watch({
    type: "gauge",
    name: "orla_instances",
    help: "Processes of functions: blank; starting, idle, busy or spare with one; or draining.",
    labelNames: ["state"],
    read: () =>
      Object.entries(runtime.stats().instances).map(([state, value]) => ({
        labels: { state },
        value,
      })),
  });
  metrics.watch({
    type: "gauge",
    name: "orla_invocations_waiting",
    help: "Calls that wait for an instance.",
    labelNames: [],
    read: () => [{ labels: {}, value: runtime.stats().calls.waiting }],
  });
  metrics.watch({
    type: "counter",
    name: "orla_records_total",
    help:
      "Records of executions and logs: written, dropped because the database was slow or away " +
      "for too long, or refused by it.",
    labelNames: ["kind", "outcome"],
    read: () =>
      Object.entries(writer.counters).flatMap((
        [outcome, kinds]: [string, Record<string, number>],
      ) => Object.entries(kinds).map(([kind, value]) => ({ labels: { kind, outcome }, value }))),
  });
}
