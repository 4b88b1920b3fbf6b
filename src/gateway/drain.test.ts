import assert from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import { inProcess, type TestFunction } from "./testing/in-process.ts";
import { anonKey, RawConnection, testGateway } from "./testing/test-gateway.ts";

const headers = { apikey: anonKey };

function waiting(): { fn: TestFunction; entered: Promise<void>; release: () => void } {
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  return {
    entered: entered.promise,
    release: release.resolve,
    fn: {
      name: "waiting",
      async http() {
        entered.resolve();
        await release.promise;
        return { body: new TextEncoder().encode("done") };
      },
    },
  };
}

Deno.test("a stop finishes what is in flight and accepts nothing new", async () => {
  const { fn, entered, release } = waiting();
  const gateway = testGateway([fn]);
  const url = `${gateway.url}/functions/v1/waiting`;
  const answer = fetch(url, { headers });
  await entered;
  const stopped = gateway[Symbol.asyncDispose]();
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: gateway.port }));
  release();
  assert.equal(await (await answer).text(), "done");
  await stopped;
});

Deno.test("a request whose signed body is still coming is in flight: a stop waits for it", async () => {
  const { directory } = inProcess([{ name: "signed" }]);
  const gateway = testGateway([], {
    triggers: {
      match: () => ({
        cause: { triggerName: "signed", eventId: null },
        params: {},
        needsBody: true,
        record: null,
        version: () => directory.find("default", "signed"),
        admit: ({ body }) => {
          throw new OrlaError("forbidden", `${body?.length} bytes`);
        },
      }),
    },
  });
  await using connection = await RawConnection.open(gateway.port);
  await connection.send("POST /signed HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc");
  for (let look = 0; look < 1000 && gateway.inFlight === 0; look++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(gateway.inFlight, 1);
  const stopped = gateway[Symbol.asyncDispose]();
  await connection.send("def");
  assert.match(
    await connection.until((text) => text.includes("bytes")),
    /403 Forbidden[^]*6 bytes/,
  );
  await stopped;
});

Deno.test("a stop waits for a streamed answer to end", async () => {
  const next = Promise.withResolvers<void>();
  const streaming: TestFunction = {
    name: "streaming",
    http: () => ({
      body: new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("a")),
        async pull(controller) {
          await next.promise;
          controller.enqueue(new TextEncoder().encode("b"));
          controller.close();
        },
      }, { highWaterMark: 0 }),
    }),
  };
  const gateway = testGateway([streaming]);
  const response = await fetch(`${gateway.url}/functions/v1/streaming`, { headers });
  const stopped = gateway[Symbol.asyncDispose]();
  next.resolve();
  assert.equal(await response.text(), "ab");
  await stopped;
});

Deno.test("a stop cuts calls after the drain's time-out", async () => {
  const entered = Promise.withResolvers<void>();
  const stuck: TestFunction = {
    name: "stuck",
    http: ({ cancellation }) =>
      new Promise((_, reject) => {
        entered.resolve();
        cancellation?.onCancel(reject);
      }),
  };
  const gateway = testGateway([stuck], { limits: { drainTimeoutMs: 20 } });
  const answer = fetch(`${gateway.url}/functions/v1/stuck`, { headers });
  await entered.promise;
  await gateway[Symbol.asyncDispose]();
  const response = await answer;
  assert.equal(response.status, 503);
  assert.equal((await response.json()).code, "unavailable");
});

Deno.test("a client that never sends the rest of its body does not hold a stop", async () => {
  const early: TestFunction = { name: "early", http: () => ({}) };
  const gateway = testGateway([early]);
  await using connection = await RawConnection.open(gateway.port);
  await connection.send(
    `POST /functions/v1/early HTTP/1.1\r\nHost: h\r\napikey: ${anonKey}\r\n` +
      "Content-Length: 100000\r\n\r\nabc",
  );
  assert.equal((await connection.response()).status, 200);
  await gateway[Symbol.asyncDispose]();
});

Deno.test("idle and half-open connections do not hold a stop", async () => {
  const gateway = testGateway([]);
  await using idle = await RawConnection.open(gateway.port);
  await using half = await RawConnection.open(gateway.port);
  await idle.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  await idle.response();
  await half.send("GET /x HTTP/1.1\r\nHos");
  await gateway[Symbol.asyncDispose]();
  assert.equal(await idle.rest(), "");
  assert.equal(await half.rest(), "");
});

Deno.test("aborting the signal stops, and stopping twice is one stop", async () => {
  const stop = new AbortController();
  const gateway = testGateway([], { signal: stop.signal });
  stop.abort();
  await gateway[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: gateway.port }));
});
