/**
 * Tells the database how the instances on this node are doing, for `system.edge_function_instances`:
 * at once when some fail or stop failing, otherwise not more often than every few seconds, and not at
 * all while nothing changes.
 */
import type { Logger } from "../base/log.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { InstanceReport } from "../catalog/instance-report.ts";
import { qualifiedName } from "../functions/function.ts";
import type { PoolReport } from "../runtime/pool-report.ts";
import type { Runtime } from "../runtime/runtime.ts";

const LOOK_EVERY_MS = 1000;
/** Counts of busy instances change all the time. */
const COUNTS_EVERY_MS = 5000;

/** A message is for people to recognise the trouble by; its whole text is in the executions. */
const MAX_MESSAGE = 1000;

interface InstanceReportsOptions {
  readonly nodeId: string;
  readonly runtime: Pick<Runtime, "report">;
  readonly catalog: Pick<Catalog, "reportInstances">;
  readonly log: Logger;
}

export function startInstanceReports(options: InstanceReportsOptions): AsyncDisposable {
  const { nodeId, runtime, catalog, log } = options;
  let told = "[]";
  let toldFailures = "[]";
  let toldAt = -Infinity;
  let telling: Promise<void> | undefined;

  const look = () => {
    if (telling !== undefined) return;
    const reports = runtime.report().map(toReport);
    const all = JSON.stringify(reports);
    const failures = JSON.stringify(reports.map(failureOf));
    const isDue = failures !== toldFailures || performance.now() - toldAt >= COUNTS_EVERY_MS;
    if (all === told || !isDue) return;
    telling = catalog.reportInstances(nodeId, reports)
      .then(() => {
        told = all;
        toldFailures = failures;
        toldAt = performance.now();
      })
      .catch((reason) => log.debug("instances could not be reported", { reason }))
      .finally(() => telling = undefined);
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await telling;
    },
  };
}

function failureOf({ function_id, version, last_error_at, failures }: InstanceReport) {
  return failures === 0 ? null : [function_id, version, last_error_at, failures];
}

function toReport(report: PoolReport): InstanceReport {
  const { version, starting, idle, busy, spare, draining, waiting, failures } = report;
  const { backsOffUntil, lastFailure } = report;
  return {
    function_id: qualifiedName(version),
    version: version.version,
    ...{ starting, idle, busy, spare, draining, failures },
    waiting_calls: waiting,
    backing_off_until: backsOffUntil === null ? null : isoTime(backsOffUntil),
    last_error_code: lastFailure?.error.code ?? null,
    last_error: lastFailure?.error.message.slice(0, MAX_MESSAGE) ?? null,
    last_error_at: lastFailure === null ? null : isoTime(lastFailure.at),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
