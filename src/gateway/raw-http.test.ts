/** What arrives on a socket that no proper client would send. */
import assert from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import type { TestFunction } from "./testing/in-process.ts";
import { anonKey, RawConnection, testGateway } from "./testing/test-gateway.ts";

const utf8 = new TextEncoder();
const key = `apikey: ${anonKey}\r\n`;

const echo: TestFunction = {
  name: "echo",
  http: async (call) => ({
    body: utf8.encode(
      `${call.method} ${call.url} ${
        call.body === null ? "-" : await new Response(call.body as BodyInit).text()
      }`,
    ),
  }),
};

interface Case {
  readonly what: string;
  readonly send: string;
  /** Status and body of each response, in order. */
  readonly expect: readonly (readonly [status: number, body: string | RegExp])[];
}

const f = "/functions/v1/echo";
const cases: readonly Case[] = [
  {
    what: "HTTP/1.0 without a Host",
    send: `GET ${f} HTTP/1.0\r\n${key}\r\n`,
    expect: [[200, /^GET http:\/\/localhost:\d+\/functions\/v1\/echo -$/]],
  },
  {
    what: "the absolute form",
    send: `GET http://other.example${f}?x HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[200, `GET http://other.example${f}?x -`]],
  },
  {
    what: "dot segments",
    send: `GET /a/../functions/./v1/%2e/echo HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[200, `GET http://h${f} -`]],
  },
  {
    what: "dot segments that leave the functions",
    send: `GET ${f}/../../../healthz HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[404, /"not_found"/]],
  },
  {
    what: "double slashes",
    send: `GET /functions//v1/echo HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[404, /"not_found"/]],
  },
  {
    what: "raw UTF-8 in the path",
    send: `GET ${f}/ü HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[200, `GET http://h${f}/%C3%BC -`]],
  },
  {
    what: "a Host that pretends to be a path",
    send: `GET /x HTTP/1.1\r\nHost: h${f}?\r\n${key}\r\n`,
    expect: [[400, /"invalid_request"/]],
  },
  {
    what: "two Hosts",
    send: `GET ${f} HTTP/1.1\r\nHost: a\r\nHost: b\r\n${key}\r\n`,
    expect: [[400, ""]],
  },
  { what: "garbage", send: "\x00\x01\x02\r\n\r\n", expect: [[400, ""]] },
  {
    what: "a TLS hello on the plain port",
    send: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    expect: [[400, ""]],
  },
  {
    what: "two lengths that differ",
    send:
      `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
    expect: [[400, ""]],
  },
  {
    what: "one length twice",
    send:
      `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
    expect: [[400, /"invalid_request"/]],
  },
  {
    what: "length and chunks",
    send:
      `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    expect: [[400, ""]],
  },
  {
    what: "chunks with extensions and a trailer",
    send:
      `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Transfer-Encoding: chunked\r\nTrailer: x-t\r\n\r\n` +
      "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-t: 1\r\n\r\n",
    expect: [[200, `POST http://h${f} abcde`]],
  },
  {
    what: "a folded header",
    send: `GET ${f} HTTP/1.1\r\nHost: h\r\n${key}X: 1\r\n 2\r\n\r\n`,
    expect: [[400, ""]],
  },
  {
    what: "pipelined requests",
    send: `GET ${f}?1 HTTP/1.1\r\nHost: h\r\n${key}\r\n` +
      `POST ${f}?2 HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 2\r\n\r\nhi` +
      `GET ${f}?3 HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [
      [200, `GET http://h${f}?1 -`],
      [200, `POST http://h${f}?2 hi`],
      [200, `GET http://h${f}?3 -`],
    ],
  },
  {
    what: "a request hidden in the body of a GET",
    send: `GET ${f}?1 HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 31\r\n\r\n` +
      "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n" +
      `GET ${f}?2 HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[200, `GET http://h${f}?1 -`], [200, `GET http://h${f}?2 -`]],
  },
  {
    what: "CONNECT",
    send: `CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n${key}\r\n`,
    expect: [[405, /"method_not_allowed"/]],
  },
  {
    what: "TRACE",
    send: `TRACE ${f} HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[405, /"method_not_allowed"/]],
  },
  {
    what: "OPTIONS *",
    send: `OPTIONS * HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[404, /"not_found"/]],
  },
  {
    what: "a method in small letters",
    send: `get ${f} HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[200, /^get /]],
  },
  {
    what: "a hundred headers and one",
    send: `GET ${f} HTTP/1.1\r\nHost: h\r\n${key}` +
      Array.from({ length: 99 }, (_, i) => `X-${i}: 1\r\n`).join("") + "\r\n",
    expect: [[431, /"headers_too_large"/]],
  },
  {
    what: "a length beyond the limit, nothing sent",
    send: `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 10485761\r\n\r\n`,
    expect: [[413, /"payload_too_large"/]],
  },
  {
    what: "a length beyond all numbers",
    send: `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 99999999999999999999\r\n\r\n`,
    expect: [[400, ""]],
  },
  {
    what: "an empty body of length 0",
    send: `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 0\r\n\r\n`,
    expect: [[200, `POST http://h${f} -`]],
  },
  {
    what: "a POST without any length",
    send: `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}\r\n`,
    expect: [[200, /^POST http:\/\/h\/functions\/v1\/echo -?$/]],
  },
];

for (const { what, send, expect } of cases) {
  Deno.test(`raw HTTP: ${what}`, async () => {
    await using gateway = testGateway([echo]);
    await using connection = await RawConnection.open(gateway.port);
    await connection.send(send);
    for (const [status, body] of expect) {
      const response = await connection.response();
      assert.equal(response.status, status);
      if (typeof body === "string") assert.equal(response.body, body);
      else assert.match(response.body, body);
    }
  });
}

Deno.test("raw HTTP: a request in single bytes", async () => {
  await using gateway = testGateway([echo]);
  await using connection = await RawConnection.open(gateway.port);
  for (const byte of `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Content-Length: 2\r\n\r\nhi`) {
    await connection.send(byte);
  }
  assert.equal((await connection.response()).body, `POST http://h${f} hi`);
});

Deno.test("raw HTTP: Expect: 100-continue is answered, and the function runs", async () => {
  await using gateway = testGateway([echo]);
  await using connection = await RawConnection.open(gateway.port);
  await connection.send(
    `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
  );
  assert.equal((await connection.response()).status, 100);
  await connection.send("hi");
  assert.equal((await connection.response()).body, `POST http://h${f} hi`);
});

Deno.test("raw HTTP: a half request and a hang-up leave the gateway well", async () => {
  await using gateway = testGateway([echo]);
  for (const half of ["G", `GET ${f} HTTP/1.1\r\nHos`, `POST ${f} HTTP/1.1\r\n`]) {
    const connection = await RawConnection.open(gateway.port);
    await connection.send(half);
    connection.close();
  }
  const response = await fetch(gateway.url + f, { headers: { apikey: anonKey } });
  assert.equal(response.status, 200);
  await response.body?.cancel();
});

Deno.test("raw HTTP: a body that stops coming is 408, whole or streamed", async () => {
  await using gateway = testGateway([echo], { limits: { bodyIdleTimeoutMs: 50 } });
  for (const length of [10, 100_000]) {
    await using connection = await RawConnection.open(gateway.port);
    await connection.send(
      `POST ${f} HTTP/1.1\r\nHost: h\r\n${key}Content-Length: ${length}\r\n\r\nabc`,
    );
    const response = await connection.response();
    assert.equal(response.status, 408);
    assert.match(response.body, /"request_timeout"/);
    assert.match(response.head, /x-orla-execution-id/);
  }
});

Deno.test("raw HTTP: chunks beyond the limit are 413, and the function is cancelled", async () => {
  const cancelled = Promise.withResolvers<unknown>();
  const reader: TestFunction = {
    name: "reader",
    http: ({ cancellation, body }) =>
      new Promise((_, reject) => {
        cancellation?.onCancel((reason) => {
          cancelled.resolve(reason);
          reject(new OrlaError("cancelled", "The caller went away"));
        });
        new Response(body as BodyInit).bytes().catch(() => {});
      }),
  };
  await using gateway = testGateway([reader], { limits: { maxBodyBytes: 1000 } });
  await using connection = await RawConnection.open(gateway.port);
  const chunk = `190\r\n${"x".repeat(400)}\r\n`;
  await connection.send(
    `POST /functions/v1/reader HTTP/1.1\r\nHost: h\r\n${key}Transfer-Encoding: chunked\r\n\r\n` +
      chunk.repeat(3),
  );
  const response = await connection.response();
  assert.equal(response.status, 413);
  assert.match(response.body, /"payload_too_large"/);
  assert.match(String(await cancelled.promise), /larger than 1000 bytes/);
});

Deno.test("raw HTTP: a broken chunk ends the call", async () => {
  const first = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<unknown>();
  const reader: TestFunction = {
    name: "reader",
    async http(call) {
      assert.ok(call.body instanceof ReadableStream);
      const body = call.body.getReader();
      await body.read();
      first.resolve();
      await body.read().catch(failed.resolve);
      return {};
    },
  };
  await using gateway = testGateway([reader]);
  await using connection = await RawConnection.open(gateway.port);
  await connection.send(
    `POST /functions/v1/reader HTTP/1.1\r\nHost: h\r\n${key}Transfer-Encoding: chunked\r\n\r\n` +
      "3\r\nabc\r\n",
  );
  await first.promise;
  await connection.send("zz\r\n");
  assert.match(String(await failed.promise), /broke off/);
});
