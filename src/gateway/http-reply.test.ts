import assert from "node:assert/strict";
import type { HttpReply } from "../functions/call.ts";
import { anonKey, testGateway } from "./testing/test-gateway.ts";

const text = (body: string) => ({ body: new TextEncoder().encode(body) });

type Case = readonly [
  what: string,
  reply: Partial<HttpReply>,
  status: number,
  check: (response: Response, body: string) => void,
];

const answers: readonly Case[] = [
  ["204 has no body", { status: 204, ...text("x") }, 204, (_, body) => assert.equal(body, "")],
  ["304 has no body", { status: 304, ...text("x") }, 304, (_, body) => assert.equal(body, "")],
  ["an empty body", { status: 201, body: new Uint8Array(0) }, 201, (response, body) => {
    assert.equal(body, "");
    assert.equal(response.headers.get("content-length"), "0");
  }],
  [
    "several cookies",
    { headers: ["Set-Cookie", "a=1", "set-cookie", "b=2"] },
    200,
    (response) => assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]),
  ],
  [
    "headers of the connection and of the platform",
    {
      headers: [
        "connection",
        "close",
        "transfer-encoding",
        "chunked",
        "content-length",
        "999",
        "x-orla-execution-id",
        "forged",
        "x-kept",
        "1",
      ],
      ...text("four"),
    },
    200,
    (response, body) => {
      assert.equal(body, "four");
      assert.equal(response.headers.get("content-length"), "4");
      assert.equal(response.headers.get("connection"), null);
      assert.notEqual(response.headers.get("x-orla-execution-id"), "forged");
      assert.equal(response.headers.get("x-kept"), "1");
    },
  ],
  [
    "own server-timing",
    { headers: ["server-timing", "db;dur=5"] },
    200,
    (response) =>
      assert.match(response.headers.get("server-timing") ?? "", /^db;dur=5, total;dur=/),
  ],
  ...[0, 99, 101, 199, 600, 1.5, NaN].map((status): Case => [
    `status ${status}`,
    { status, ...text("x") },
    500,
    isFunctionError,
  ]),
  ["a header with a line break", { headers: ["x", "a\r\nset-cookie: b"] }, 500, isFunctionError],
  ["a header name with a space", { headers: ["x y", "1"] }, 500, isFunctionError],
  ["a header outside Latin-1", { headers: ["x", "→"] }, 500, isFunctionError],
];

function isFunctionError(_: Response, body: string): void {
  assert.equal(JSON.parse(body).code, "function_error");
}

for (const [what, reply, status, check] of answers) {
  Deno.test(`a function answers: ${what}`, async () => {
    await using gateway = testGateway([{ name: "f", http: () => reply }]);
    const response = await fetch(`${gateway.url}/functions/v1/f`, { headers: { apikey: anonKey } });
    assert.equal(response.status, status);
    check(response, await response.text());
  });
}
