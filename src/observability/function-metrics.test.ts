import { match, ok, strictEqual } from "node:assert/strict";
import { FunctionMetrics } from "./function-metrics.ts";
import { Metrics } from "./metrics.ts";

async function page(fill: (own: FunctionMetrics) => void): Promise<string> {
  const metrics = new Metrics();
  const own = new FunctionMetrics();
  own.showIn(metrics);
  fill(own);
  return await metrics.text();
}

Deno.test("each metric of a function is a sum and a count", async () => {
  const text = await page((own) => {
    own.record("f", "items", 3);
    own.record("f", "items", -1);
    own.record("g", "items", 5);
  });
  match(text, /orla_function_metric_sum\{function="f",metric="items"\} 2\n/);
  match(text, /orla_function_metric_count\{function="f",metric="items"\} 2\n/);
  match(text, /orla_function_metric_sum\{function="g",metric="items"\} 5\n/);
  match(text, /orla_function_metrics_dropped_total 0\n/);
});

Deno.test("one function cannot fill the page", async () => {
  const text = await page((own) => {
    for (let n = 0; n < 10_000; n++) own.record("f", `m${n}`, 1);
    own.record("g", "items", 1);
  });
  strictEqual(text.match(/^orla_function_metric_sum\{function="f"/gm)?.length, 50);
  match(text, /orla_function_metric_sum\{function="g",metric="items"\} 1\n/);
  match(text, /orla_function_metrics_dropped_total 9950\n/);
});

Deno.test("many functions cannot either, and those that go make room", async () => {
  const text = await page((own) => {
    for (let n = 0; n < 200; n++) for (let m = 0; m < 50; m++) own.record(`f${n}`, `m${m}`, 1);
    own.record("late", "items", 1);
    own.forget("f0");
    own.record("next", "items", 1);
  });
  strictEqual(text.match(/^orla_function_metric_sum\{/gm)?.length, 4951);
  ok(!text.includes('function="late"'));
  match(text, /function="next"/);
});
