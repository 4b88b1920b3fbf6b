import assert from "node:assert/strict";
import { HttpConnection, parseAnswer } from "./http-client.ts";

const encoder = new TextEncoder();
const answers = [
  {
    name: "content-length",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-A: b: c\r\n\r\nh\u00e9llo",
    status: 200,
    body: "h\u00e9llo",
  },
  {
    name: "chunked",
    text:
      "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
    status: 503,
    body: "abc0123456789",
  },
  { name: "no body", text: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, body: "" },
];

for (const { name, text, status, body } of answers) {
  Deno.test(`an answer is parsed when its last byte has come: ${name}`, () => {
    const bytes = encoder.encode(text);
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(parseAnswer(bytes.subarray(0, length)), undefined);
    }
    const answer = parseAnswer(bytes);
    assert.equal(answer?.status, status);
    assert.equal(answer?.body, body);
  });
}

Deno.test("something else than HTTP is refused", () => {
  assert.throws(() => parseAnswer(encoder.encode("SSH-2.0-x\r\n\r\n")), /not an HTTP answer/);
});

Deno.test("one connection carries several requests", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => new Response(`${new URL(request.url).pathname} ${request.headers.get("x-key")}`),
  );
  const base = `http://127.0.0.1:${server.addr.port}`;
  using connection = await HttpConnection.open(base);
  assert.equal((await connection.get(`${base}/a`, { "x-key": "1" })).body, "/a 1");
  assert.equal((await connection.get(`${base}/b`, { "x-key": "2" })).body, "/b 2");
});
