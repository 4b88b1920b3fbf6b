/** What `/metrics` tells about the node itself, beside its functions' calls: read at each scrape. */
import type { Catalog } from "../catalog/catalog.ts";
import type { ExecutionWriter } from "../observability/execution-writer.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Runtime } from "../runtime/runtime.ts";

export interface NodeParts {
  readonly catalog: Pick<Catalog, "size">;
  readonly runtime: Pick<Runtime, "stats" | "report">;
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
    name: "orla_instances_memory_bytes",
    help: "Private memory of all these processes together.",
    labelNames: [],
    read: () => [{ labels: {}, value: runtime.stats().memoryBytes }],
  });
  metrics.watch({
    type: "gauge",
    name: "orla_functions_backing_off",
    help: "Versions whose instances failed so often that none is started for a while.",
    labelNames: [],
    read: () => [{
      labels: {},
      value: runtime.report().filter(({ backsOffUntil }) => backsOffUntil !== null).length,
    }],
  });
  metrics.watch({
    type: "counter",
    name: "orla_instances_ended_total",
    help: "Instances that had a function and ended: no longer needed, replaced for their age or " +
      "size, given up for others, failed, or with the node or their version.",
    labelNames: ["reason"],
    read: () =>
      Object.entries(runtime.stats().ended).map(([reason, value]) => ({
        labels: { reason },
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
