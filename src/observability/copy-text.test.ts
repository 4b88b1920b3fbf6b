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
  startedAt: Date.UTC(2026, 1, 28, 12),
};

Deno.test("an execution is one line of COPY text", () => {
  assert.equal(
    executionRow(start, null, suffix),
    "2026-02-28T12:00:00.000Z\tshop/pay\t0190a0b0-0000-7000-8000-000000000000\t3\trunning\thttp" +
      "\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\teu\\twest\tn1\n",
  );
  assert.equal(
    executionRow({ ...start, role: "a\\b" }, {
      status: "failed",
      executionTimeMs: 1.25,
      coldStartTimeMs: 4,
      errorCode: "function_error",
      errorMessage: "one\ntwo\0",
      httpStatus: 500,
      memoryUsedMb: 12.5,
    }, suffix),
    "2026-02-28T12:00:00.000Z\tshop/pay\t0190a0b0-0000-7000-8000-000000000000\t3\tfailed\thttp" +
      "\t1.25\tt\t4\tfunction_error\tone\\ntwo\uFFFD\t500\t12.5\ta\\\\b\teu\\twest\tn1\n",
  );
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
    const columns = logRow({ ...entry, message }, suffix).split("\t");
    assert.deepEqual([columns[5]?.length, columns[6]], [kept, truncated]);
    assert.equal(columns[2], "\\N");
  }
});
