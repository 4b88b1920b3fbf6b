import assert from "node:assert/strict";
import type { ExecutionStart } from "../functions/execution.ts";
import { executionRow, logRow, MAX_MESSAGE_LENGTH, originSuffix } from "./copy-text.ts";

const suffix = originSuffix({ nodeId: "n1", region: "eu\twest" });

const start: ExecutionStart = {
  executionId: "0190a0b0-0000-7000-8000-000000000000",
  functionId: "shop/pay",
  version: 3,
  trigger: "http",
  role: null,
  cause: null,
  startedAt: Date.UTC(2026, 1, 28, 12),
};

Deno.test("an execution is one line of COPY text", () => {
  assert.equal(
    executionRow(start, null, suffix),
    "2026-02-28T12:00:00.000Z\tshop/pay\t0190a0b0-0000-7000-8000-000000000000\t3\trunning\thttp" +
      "\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\teu\\twest\tn1\n",
  );
  assert.equal(
    executionRow({ ...start, role: "a\\b", cause: { triggerName: "t", eventId: "7" } }, {
      status: "failed",
      executionTimeMs: 1.25,
      coldStartTimeMs: 4,
      errorCode: "function_error",
      errorMessage: "one\ntwo\0",
      httpStatus: 500,
      memoryUsedMb: 12.5,
      cpuMs: 0.12345,
    }, suffix),
    "2026-02-28T12:00:00.000Z\tshop/pay\t0190a0b0-0000-7000-8000-000000000000\t3\tfailed\thttp" +
      "\t1.25\tt\t4\tfunction_error\tone\\ntwo\uFFFD\t500\t12.5\t0.123\ta\\\\b\tt\t7\teu\\twest\tn1\n",
  );
});

Deno.test("lines of one millisecond keep their order by microseconds", () => {
  const entry = { executionId: null, functionId: "f", version: 1, message: "m" };
  const times = [0, 7, 999].map((order) =>
    logRow({ ...entry, level: "info", at: 5 }, order, suffix).split("\t")[0]
  );
  assert.deepEqual(times, [
    "1970-01-01T00:00:00.005Z",
    "1970-01-01T00:00:00.005007Z",
    "1970-01-01T00:00:00.005999Z",
  ]);
});

Deno.test("a long message is cut, not through a character, and marked", () => {
  const entry = {
    executionId: null,
    functionId: "f",
    version: 1,
    level: "info" as const,
    at: 0,
  };
  const cases: [message: string, kept: number, truncated: string][] = [
    ["x".repeat(MAX_MESSAGE_LENGTH), MAX_MESSAGE_LENGTH, "f"],
    ["x".repeat(MAX_MESSAGE_LENGTH + 1), MAX_MESSAGE_LENGTH, "t"],
    ["x".repeat(MAX_MESSAGE_LENGTH - 1) + "😀", MAX_MESSAGE_LENGTH - 1, "t"],
  ];
  for (const [message, kept, truncated] of cases) {
    const columns = logRow({ ...entry, message }, 0, suffix).split("\t");
    assert.deepEqual([columns[5]?.length, columns[6]], [kept, truncated]);
    assert.equal(columns[2], "\\N");
  }
});
