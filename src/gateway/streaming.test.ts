/** Bodies that do not fit into memory at once, and clients that leave. */
import assert from "node:assert/strict";
import type { Cancellation } from "../functions/cancellation.ts";
import type { TestFunction } from "./testing/in-process.ts";
import { anonKey, RawConnection, testGateway } from "./testing/test-gateway.ts";

const headers = { apikey: anonKey };
const MB = 1024 * 1024;

Deno.test("uploads of 1 to 9 MB arrive whole, and no faster than the function reads", async () => {
  const totals: number[] = [];
  const slow: TestFunction = {
    name: "slow",
    async http(call) {
      let total = 0;
      assert.ok(call.body instanceof ReadableStream);
      for await (const chunk of call.body) total += chunk.byteLength;
      totals.push(total);
      return {};
    },
  };
  await using gateway = testGateway([slow]);
  for (const size of [1, 3, 9]) {
    const body = new Uint8Array(size * MB);
    const response = await fetch(`${gateway.url}/functions/v1/slow`, {
      method: "POST",
      headers,
      body,
    });
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  assert.deepEqual(totals, [1 * MB, 3 * MB, 9 * MB]);
});

Deno.test("an upload waits in the socket while the function does not read", async () => {
  const go = Promise.withResolvers<void>();
  let received = 0;
  const late: TestFunction = {
    name: "late",
    async http(call) {
      await go.promise;
      assert.ok(call.body instanceof ReadableStream);
      for await (const chunk of call.body) received += chunk.byteLength;
      return {};
    },
  };
  await using gateway = testGateway([late], { limits: { maxBodyBytes: 64 * MB } });
  let offered = 0;
  const stalled = Promise.withResolvers<void>();
  let stall: ReturnType<typeof setTimeout> | undefined;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      clearTimeout(stall);
      if (offered === 48 * MB) return controller.close();
      offered += MB;
      controller.enqueue(new Uint8Array(MB));
      stall = setTimeout(stalled.resolve, 200);
    },
  }, { highWaterMark: 0 });
  const response = fetch(`${gateway.url}/functions/v1/late`, {
    method: "POST",
    headers,
    body: source,
  });
  await stalled.promise;
  assert.ok(offered < 40 * MB, `${offered / MB} MB were taken while nobody read`);
  go.resolve();
  assert.equal((await response).status, 200);
  await (await response).body?.cancel();
  assert.equal(received, 48 * MB);
});

Deno.test("a download is made only as fast as the client reads", async () => {
  let made = 0;
  const stalled = Promise.withResolvers<void>();
  let stall: ReturnType<typeof setTimeout> | undefined;
  const chunk = new Uint8Array(64 * 1024);
  const endless: TestFunction = {
    name: "endless",
    http: () => ({
      body: new ReadableStream({
        pull(controller) {
          clearTimeout(stall);
          made += chunk.byteLength;
          if (made === 48 * MB) controller.close();
          else {
            controller.enqueue(chunk);
            stall = setTimeout(stalled.resolve, 200);
          }
        },
      }, { highWaterMark: 0 }),
    }),
  };
  await using gateway = testGateway([endless]);
  await using connection = await RawConnection.open(gateway.port);
  await connection.send(
    `GET /functions/v1/endless HTTP/1.1\r\nHost: h\r\napikey: ${anonKey}\r\n\r\n`,
  );
  await stalled.promise;
  assert.ok(made < 40 * MB, `${made / MB} MB were made while nobody read`);
});

Deno.test("a client that leaves before the answer aborts the call", async () => {
  const entered = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<unknown>();
  const waiting: TestFunction = {
    name: "waiting",
    async http({ cancellation }) {
      entered.resolve();
      assert.ok(cancellation);
      aborted.resolve(await new Promise((resolve) => cancellation.onCancel(resolve)));
      return {};
    },
  };
  await using gateway = testGateway([waiting]);
  const leave = new AbortController();
  const answer = fetch(`${gateway.url}/functions/v1/waiting`, { headers, signal: leave.signal });
  await entered.promise;
  leave.abort();
  await assert.rejects(answer);
  assert.match(String(await aborted.promise), /went away/);
});

Deno.test("a client that leaves amid the answer cancels its stream", async () => {
  const cancelled = Promise.withResolvers<unknown>();
  const endless: TestFunction = {
    name: "endless",
    http: () => ({
      body: new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1000)),
        cancel: cancelled.resolve,
      }),
    }),
  };
  await using gateway = testGateway([endless]);
  const response = await fetch(`${gateway.url}/functions/v1/endless`, { headers });
  const reader = response.body!.getReader();
  await reader.read();
  assert.equal(gateway.inFlight, 1);
  await reader.cancel();
  await cancelled.promise;
});

Deno.test("a call that ends well does not look like one whose client left", async () => {
  let cancellation: Cancellation | undefined;
  const quick: TestFunction = {
    name: "quick",
    async http(call) {
      cancellation = call.cancellation;
      await new Promise((resolve) => setTimeout(resolve, 30));
      return {};
    },
  };
  {
    await using gateway = testGateway([quick]);
    await (await fetch(`${gateway.url}/functions/v1/quick`, { headers })).body?.cancel();
  }
  assert.ok(cancellation);
  assert.equal(cancellation.reason, undefined);
});

Deno.test("an answer whose stream breaks is cut, so that it cannot pass for whole", async () => {
  const breaking: TestFunction = {
    name: "breaking",
    http: () => ({
      body: new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(10)),
        pull: (controller) => controller.error(new Error("broke")),
      }),
    }),
  };
  await using gateway = testGateway([breaking]);
  await using connection = await RawConnection.open(gateway.port);
  await connection.send(
    `GET /functions/v1/breaking HTTP/1.1\r\nHost: h\r\napikey: ${anonKey}\r\n\r\n`,
  );
  const received = await connection.rest();
  assert.match(received, /^HTTP\/1\.1 200 /);
  assert.doesNotMatch(received, /0\r\n\r\n$/);
});
