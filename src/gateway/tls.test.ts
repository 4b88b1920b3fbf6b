import assert from "node:assert/strict";
import { connect } from "node:http2";
import { testCertificate } from "./testing/certificate.ts";
import type { TestFunction } from "./testing/in-process.ts";
import { anonKey, testGateway } from "./testing/test-gateway.ts";

const echo: TestFunction = {
  name: "echo",
  http: async (call) => ({
    status: 201,
    headers: ["x-url", call.url, "set-cookie", "a=1", "set-cookie", "b=2"],
    body: call.body === null ? null : await new Response(call.body as BodyInit).bytes(),
  }),
};

interface H2Answer {
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

function call(
  session: ReturnType<typeof connect>,
  headers: Record<string, string>,
  body?: Uint8Array,
): Promise<H2Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ apikey: anonKey, ...headers });
    let answered: Record<string, unknown> = {};
    let text = "";
    stream.setEncoding("latin1");
    stream.on("response", (head) => answered = head);
    stream.on("data", (chunk) => text += chunk);
    stream.on("end", () => resolve({ headers: answered, body: text }));
    stream.on("error", reject);
    stream.end(body);
  });
}

Deno.test("with TLS the gateway speaks HTTP/2, many requests on one connection", async () => {
  await using gateway = testGateway([echo], { tls: testCertificate });
  assert.match(gateway.url, /^https:/);
  const origin = `https://localhost:${gateway.port}`;
  const session = connect(origin, { ca: testCertificate.ca });
  try {
    const path = "/functions/v1/echo";
    const get = await call(session, { ":path": `${path}?a` });
    assert.equal(session.alpnProtocol, "h2");
    assert.equal(get.headers[":status"], 201);
    assert.equal(get.headers["x-url"], `${origin}${path}?a`);
    assert.deepEqual(get.headers["set-cookie"], ["a=1", "b=2"]);
    assert.ok(get.headers["x-orla-execution-id"]);

    const sizes = [10, 1_000, 100_000, 1_000_000];
    const posts = await Promise.all(
      sizes.map((size) =>
        call(session, { ":path": path, ":method": "POST" }, new Uint8Array(size).fill(65))
      ),
    );
    assert.deepEqual(posts.map(({ body }) => body.length), sizes);

    const refused = await call(session, { ":path": path, apikey: "wrong" });
    assert.equal(refused.headers[":status"], 401);
  } finally {
    session.destroy();
  }
});

Deno.test("with TLS the gateway still speaks HTTP/1.1", async () => {
  await using gateway = testGateway([echo], { tls: testCertificate });
  const client = Deno.createHttpClient({ caCerts: [testCertificate.ca], http2: false });
  try {
    const response = await fetch(`https://localhost:${gateway.port}/functions/v1/echo`, {
      client,
      headers: { apikey: anonKey },
    });
    assert.equal(response.status, 201);
    await response.body?.cancel();
  } finally {
    client.close();
  }
});
