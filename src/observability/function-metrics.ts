/**
 * What functions count by `recordMetric`. Each metric becomes a sum and a count; anyone may invent names,
 * so there are limits to how many are kept.
 */
import type { Metrics, Reading } from "./metrics.ts";

/** More are no metrics but data. */
const MAX_PER_FUNCTION = 50;
/** A scrape of these takes some milliseconds. */
const MAX_IN_ALL = 5000;

interface Sum {
  readonly labels: Readonly<Record<"function" | "metric", string>>;
  sum: number;
  count: number;
}

export class FunctionMetrics {
  readonly #functions = new Map<string, Map<string, Sum>>();
  #size = 0;
  #dropped = 0;

  record(functionName: string, metric: string, value: number): void {
    const known = this.#functions.get(functionName)?.get(metric);
    const entry = known ?? this.#add(functionName, metric);
    if (entry === undefined) {
      this.#dropped++;
      return;
    }
    entry.sum += value;
    entry.count++;
  }

  /** The function is gone. */
  forget(functionName: string): void {
    this.#size -= this.#functions.get(functionName)?.size ?? 0;
    this.#functions.delete(functionName);
  }

  showIn(metrics: Metrics): void {
    const labelNames = ["function", "metric"];
    metrics.watch({
      type: "gauge", // values may be negative
      name: "orla_function_metric_sum",
      help: "Sum of the values a function gave to recordMetric.",
      labelNames,
      read: () => this.#read(({ sum }) => sum),
    });
    metrics.watch({
      type: "counter",
      name: "orla_function_metric_count",
      help: "Number of values a function gave to recordMetric.",
      labelNames,
      read: () => this.#read(({ count }) => count),
    });
    metrics.watch({
      type: "counter",
      name: "orla_function_metrics_dropped_total",
      help: "Values given to recordMetric beyond the number of metrics that are kept.",
      labelNames: [],
      read: () => [{ labels: {}, value: this.#dropped }],
    });
  }

  #add(functionName: string, metric: string): Sum | undefined {
    const own = this.#functions.get(functionName) ?? new Map<string, Sum>();
    if (own.size >= MAX_PER_FUNCTION || this.#size >= MAX_IN_ALL) return undefined;
    const entry: Sum = { labels: { function: functionName, metric }, sum: 0, count: 0 };
    this.#functions.set(functionName, own.set(metric, entry));
    this.#size++;
    return entry;
  }

  *#read(value: (sum: Sum) => number): Iterable<Reading> {
    for (const own of this.#functions.values()) {
      for (const entry of own.values()) yield { labels: entry.labels, value: value(entry) };
    }
  }
}
