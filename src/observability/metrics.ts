/**
 * Prometheus metrics of this node, in a registry of their own.
 *
 * A function's label children are looked up once and kept: recording a call is then three additions
 * and a bucket search. Values that others hold, such as the number of instances, are read when
 * somebody scrapes.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type {
  ExecutionEnd,
  ExecutionSink,
  ExecutionStart,
  LogEntry,
} from "../functions/execution.ts";

export interface Reading {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric whose values somebody else holds. */
export interface WatchedMetric {
  /** A counter only ever grows. */
  readonly type: "gauge" | "counter";
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly read: () => Iterable<Reading>;
}

/** Seconds. Warm calls take a fraction of a millisecond, time-outs reach 15 minutes. */
const DURATION_BUCKETS = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60, 300, 900],
];
const COLD_START_BUCKETS = [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

interface Children {
  readonly ended: Record<ExecutionEnd["status"], Counter.Internal>;
  readonly duration: Histogram.Internal<string>;
  readonly coldStart: Histogram.Internal<string>;
  /** Calls started and not finished. */
  underWay: number;
}

export class Metrics implements ExecutionSink {
  readonly #registry = new Registry();
  readonly #children = new Map<string, Children>();
  readonly #ended = new Counter({
    name: "orla_invocations_total",
    help: "Calls of functions that have ended.",
    labelNames: ["function", "status"],
    registers: [this.#registry],
  });
  readonly #duration = new Histogram({
    name: "orla_invocation_duration_seconds",
    help: "Time a call spent, from its arrival to its end.",
    labelNames: ["function"],
    buckets: DURATION_BUCKETS,
    registers: [this.#registry],
  });
  readonly #coldStart = new Histogram({
    name: "orla_cold_start_duration_seconds",
    help: "Time cold calls waited for an instance; its count is the number of cold starts.",
    labelNames: ["function"],
    buckets: COLD_START_BUCKETS,
    registers: [this.#registry],
  });
  readonly #logs = new Counter({
    name: "orla_log_messages_total",
    help: "Log messages of functions.",
    labelNames: ["level"],
    registers: [this.#registry],
  });
  readonly #logLevels: Readonly<Record<LogEntry["level"], Counter.Internal>> = {
    debug: this.#logs.labels("debug"),
    info: this.#logs.labels("info"),
    warn: this.#logs.labels("warn"),
    error: this.#logs.labels("error"),
  };

  constructor() {
    // A series that begins at zero shows its first increase.
    for (const counter of Object.values(this.#logLevels)) counter.inc(0);
    this.watch({
      type: "gauge",
      name: "orla_invocations_in_progress",
      help: "Calls of functions under way.",
      labelNames: ["function"],
      read: () => this.#underWay(),
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The page for `GET /metrics`. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Adds a metric that is read at each scrape. */
  watch(metric: WatchedMetric): void {
    const { name, help, labelNames, read } = metric;
    const description = { name, help, labelNames, registers: [this.#registry] };
    // Both register themselves.
    switch (metric.type) {
      case "gauge":
        new Gauge({
          ...description,
          collect() {
            this.reset();
            for (const { labels, value } of read()) this.set({ ...labels }, value);
          },
        });
        break;
      case "counter":
        new Counter({
          ...description,
          collect() {
            this.reset();
            for (const { labels, value } of read()) this.inc({ ...labels }, value);
          },
        });
        break;
      default:
        metric.type satisfies never;
    }
  }

  started(execution: ExecutionStart): void {
    this.#of(execution.functionId).underWay++;
  }

  lasting(): void {}

  finished(execution: ExecutionStart, end: ExecutionEnd): void {
    const children = this.#of(execution.functionId);
    children.underWay--;
    children.ended[end.status].inc(1);
    children.duration.observe(end.executionTimeMs / 1000);
    if (end.coldStartTimeMs !== null) children.coldStart.observe(end.coldStartTimeMs / 1000);
  }

  log(entry: LogEntry): void {
    this.#logLevels[entry.level].inc(1);
  }

  /** A dropped function's series end here. */
  forget(functionId: string): void {
    const children = this.#children.get(functionId);
    if (children === undefined || children.underWay > 0) return;
    this.#children.delete(functionId);
    for (const status of Object.keys(children.ended)) this.#ended.remove(functionId, status);
    this.#duration.remove(functionId);
    this.#coldStart.remove(functionId);
  }

  #of(functionId: string): Children {
    const known = this.#children.get(functionId);
    if (known !== undefined) return known;
    const children: Children = {
      ended: {
        succeeded: this.#ended.labels(functionId, "succeeded"),
        failed: this.#ended.labels(functionId, "failed"),
        timeout: this.#ended.labels(functionId, "timeout"),
        cancelled: this.#ended.labels(functionId, "cancelled"),
      },
      duration: this.#duration.labels(functionId),
      coldStart: this.#coldStart.labels(functionId),
      underWay: 0,
    };
    this.#children.set(functionId, children);
    return children;
  }

  *#underWay(): Iterable<Reading> {
    for (const [functionId, { underWay }] of this.#children) {
      yield { labels: { function: functionId }, value: underWay };
    }
  }
}
