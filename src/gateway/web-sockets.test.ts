import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket as WsClient } from "ws";
import type { WebSocketBridge } from "../functions/call.ts";
import type { TestFunction } from "./testing/in-process.ts";
import { anonKey, testGateway } from "./testing/test-gateway.ts";
import { headersByName } from "./testing/headers-by-name.ts";

const headers = { apikey: anonKey };

/** Sends everything back. */
function echoBridge(protocol: string): WebSocketBridge {
  return {
    protocol,
    connect(socket) {
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => socket.send(data);
      return new Promise((resolve) => socket.onclose = () => resolve());
    },
  };
}

const echo: TestFunction = {
  name: "echo",
  http(call) {
    const seen = headersByName(call.headers);
    if (seen["upgrade"] !== "websocket") return { status: 426 };
    return {
      status: 101,
      webSocket: echoBridge(seen["sec-websocket-protocol"]?.split(",")[0] ?? ""),
    };
  },
};

Deno.test("a WebSocket carries text and bytes both ways", async () => {
  await using gateway = testGateway([echo]);
  const client = new WsClient(`ws://127.0.0.1:${gateway.port}/functions/v1/echo`, { headers });
  await once(client, "open");
  assert.equal(client.protocol, "");
  client.send("hello");
  assert.equal(String((await once(client, "message"))[0]), "hello");
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  client.send(bytes);
  const [received, isBinary] = await once(client, "message");
  assert.equal(isBinary, true);
  assert.deepEqual(new Uint8Array(received), bytes);
  assert.equal(gateway.inFlight, 1);
  client.close(1000);
  await once(client, "close");
});

Deno.test("the sub-protocol is the one the function chose", async () => {
  await using gateway = testGateway([echo]);
  const client = new WsClient(`ws://127.0.0.1:${gateway.port}/functions/v1/echo`, ["a", "b"], {
    headers,
  });
  await once(client, "open");
  assert.equal(client.protocol, "a");
  client.close();
  await once(client, "close");
});

Deno.test("a function that does not accept answers plainly", async () => {
  const plain: TestFunction = { name: "plain", http: () => ({ status: 403 }) };
  await using gateway = testGateway([plain, echo]);
  const client = new WsClient(`ws://127.0.0.1:${gateway.port}/functions/v1/plain`, { headers });
  const closed = new Promise((resolve) => client.on("close", resolve));
  const [error] = await once(client, "error");
  assert.match(String(error), /403/);
  await closed;
  const response = await fetch(`${gateway.url}/functions/v1/echo`, { headers });
  assert.equal(response.status, 426);
  await response.body?.cancel();
});

Deno.test("a stop tells open sockets that the server goes away", async () => {
  const gateway = testGateway([echo]);
  const client = new WsClient(`ws://127.0.0.1:${gateway.port}/functions/v1/echo`, { headers });
  await once(client, "open");
  const closed = once(client, "close");
  await gateway[Symbol.asyncDispose]();
  assert.equal((await closed)[0], 1001);
});
