import assert from "node:assert/strict";
import type { ExecutionEnd, ExecutionStart } from "../functions/execution.ts";
import { Metrics } from "./metrics.ts";

const start: ExecutionStart = {
  executionId: "e",
  functionId: 'shop/"pay"',
  version: 1,
  trigger: "http",
  role: null,
  cause: null,
  startedAt: 0,
};
const end: ExecutionEnd = {
  status: "succeeded",
  executionTimeMs: 2,
  coldStartTimeMs: null,
  errorCode: null,
  errorMessage: null,
  httpStatus: 200,
  memoryUsedMb: null,
  cpuMs: null,
};

Deno.test("counts calls by function and status, times them, and knows how many run", async () => {
  const metrics = new Metrics();
  for (
    const { status, coldStartTimeMs } of [
      { status: "succeeded", coldStartTimeMs: null },
      { status: "succeeded", coldStartTimeMs: 3 },
      { status: "timeout", coldStartTimeMs: null },
    ] as const
  ) {
    metrics.started(start);
    metrics.finished(start, { ...end, status, coldStartTimeMs });
  }
  metrics.started(start);
  metrics.log({
    executionId: null,
    functionId: "f",
    version: 1,
    level: "warn",
    message: "",
    at: 0,
  });
  let instances = 2;
  metrics.watch({
    type: "gauge",
    name: "orla_instances",
    help: "Instances.",
    labelNames: ["state"],
    read: () => [{ labels: { state: "idle" }, value: instances }],
  });
  const lines = async () => (await metrics.text()).split("\n");
  const name = '{function="shop/\\"pay\\""';
  for (
    const line of [
      `orla_invocations_total${name},status="succeeded"} 2`,
      `orla_invocations_total${name},status="timeout"} 1`,
      `orla_invocation_duration_seconds_bucket{le="0.0025",function="shop/\\"pay\\""} 3`,
      `orla_invocation_duration_seconds_count${name}} 3`,
      `orla_cold_start_duration_seconds_count${name}} 1`,
      `orla_invocations_in_progress${name}} 1`,
      `orla_log_messages_total{level="warn"} 1`,
      `orla_instances{state="idle"} 2`,
    ]
  ) {
    assert.ok((await lines()).includes(line), line);
  }
  instances = 5;
  assert.ok((await lines()).includes(`orla_instances{state="idle"} 5`));
});

Deno.test("a dropped function's series disappear, two registries do not meet", async () => {
  const metrics = new Metrics();
  metrics.started(start);
  metrics.finished(start, end);
  assert.match(await metrics.text(), /shop/);
  metrics.forget(start.functionId);
  assert.doesNotMatch(await metrics.text(), /shop/);
  assert.doesNotMatch(await new Metrics().text(), /shop/);
});
