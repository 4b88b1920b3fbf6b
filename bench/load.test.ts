import assert from "node:assert/strict";
import { parseWrk, runBuiltIn } from "./load.ts";

const report = `Running 2s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   601.33us  300.20us   9.00ms   90.00%
    Req/Sec    52.94k     2.11k   55.00k    80.00%
  Latency Distribution
     50%  580.00us
     75%  700.00us
     90%    0.90ms
     99%    1.62s
  106000 requests in 2.00s, 15.00MB read
Requests/sec:  52940.12
Transfer/sec:      7.50MB
`;

Deno.test("wrk's report is read in milliseconds", () => {
  assert.deepEqual(parseWrk(report), {
    p50Ms: 0.58,
    p99Ms: 1620,
    perSecond: 52940.12,
    requests: 106000,
  });
});

Deno.test("a report with failures is refused", () => {
  for (
    const line of [
      "  Non-2xx or 3xx responses: 17",
      "  Socket errors: connect 0, read 3, write 0, timeout 0",
    ]
  ) {
    assert.throws(
      () => parseWrk(report.replace("Requests/sec", `${line}\nRequests/sec`)),
      /not every/,
    );
  }
  assert.throws(() => parseWrk("Requests/sec: 1.0"), /no 50 %/);
});

Deno.test("the built-in generator measures, and refuses errors", async () => {
  let status = 200;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("Hello from the edge", { status }),
  );
  const endpoint = { url: `http://127.0.0.1:${server.addr.port}/`, headers: {} };
  const result = await runBuiltIn(endpoint, { connections: 2, seconds: 0.05 });
  assert.ok(result.perSecond > 0 && result.p50Ms > 0 && result.p99Ms >= result.p50Ms);
  status = 500;
  await assert.rejects(runBuiltIn(endpoint, { connections: 1, seconds: 0.05 }), /status 500/);
});
