/** Hands each record to several sinks, in order. */
import type { ExecutionSink } from "../functions/execution.ts";

export function teeSink(...sinks: readonly ExecutionSink[]): ExecutionSink {
  return {
    lasting(execution) {
      for (const sink of sinks) sink.lasting(execution);
    },
    started(execution) {
      for (const sink of sinks) sink.started(execution);
    },
    finished(execution, end) {
      for (const sink of sinks) sink.finished(execution, end);
    },
    log(entry) {
      for (const sink of sinks) sink.log(entry);
    },
  };
}
