import assert from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import { type InboundHeaders, readHeaders } from "./inbound-headers.ts";
import { createKeyVerifier } from "./keys.ts";
import { defaultLimits } from "./limits.ts";
import { headersByName } from "./testing/headers-by-name.ts";

const serviceKey = "orla_service_0123456789";
const anonKey = "orla_anon_0123456789";
const keys = createKeyVerifier({ serviceKey, anonKey });

function read(headers: [string, string][]): InboundHeaders {
  return readHeaders(new Headers(headers), keys, defaultLimits);
}

const seen = (headers: [string, string][]) => headersByName(read(headers).forFunction);

Deno.test("a function sees the client's headers and none of the connection's", () => {
  assert.deepEqual(
    seen([
      ["host", "h"],
      ["x-custom", "1"],
      ["cookie", "a=b"],
      ["connection", "keep-alive, X-Secret-Hop"],
      ["x-secret-hop", "gone"],
      ["te", "trailers"],
      ["transfer-encoding", "chunked"],
      ["expect", "100-continue"],
      ["x-forwarded-for", "6.6.6.6"],
      ["proxy-authorization", "Basic x"],
    ]),
    { host: "h", "x-custom": "1", cookie: "a=b" },
  );
});

Deno.test("Connection cannot be used to drop Host or Content-Length", () => {
  const headers = seen([["connection", "host, content-length, x"], ["host", "h"], [
    "content-length",
    "3",
  ], ["x", "1"]]);
  assert.deepEqual(headers, { host: "h", "content-length": "3" });
});

Deno.test("keys of the platform stay outside the function, foreign ones pass", () => {
  for (const [name, value] of [["authorization", `Bearer ${serviceKey}`], ["apikey", serviceKey]]) {
    const headers = read([[name!, value!]]);
    assert.deepEqual(headers.forFunction, []);
    assert.equal(headers.caller?.service, true);
    assert.equal(headers.foreignKey, false);
  }
  const foreign = read([["authorization", "Basic dXNlcjpwYXNz"]]);
  assert.deepEqual(foreign.forFunction, ["authorization", "Basic dXNlcjpwYXNz"]);
  assert.equal(foreign.caller, undefined);
  assert.equal(foreign.foreignKey, true);
});

Deno.test("of several keys the mightiest counts", () => {
  const both: [string, string][] = [["apikey", anonKey], ["authorization", `Bearer ${serviceKey}`]];
  assert.equal(read(both).caller?.service, true);
  const swapped: [string, string][] = [["apikey", serviceKey], ["x-api-key", anonKey]];
  assert.equal(read(swapped).caller?.service, true);
  const besideForeign: [string, string][] = [["apikey", anonKey], ["authorization", "Bearer jwt"]];
  assert.equal(read(besideForeign).caller?.service, false);
});

Deno.test("a request id is taken over when it is harmless", () => {
  assert.equal(read([["x-request-id", "abc-1.2:3/4+5=@_"]]).requestId, "abc-1.2:3/4+5=@_");
  for (const bad of ["a b", "a,b", "x".repeat(129), '"', "<script>", ""]) {
    const headers = read([["x-request-id", bad]]);
    assert.equal(headers.requestId, undefined, bad);
    assert.deepEqual(headers.forFunction, []);
  }
});

Deno.test("lengths are one number or refused", () => {
  assert.equal(read([["content-length", "42"]]).contentLength, 42);
  for (const bad of ["3, 3", "-1", "+1", "1e3", "0x10", "", "9".repeat(16)]) {
    assert.throws(() => read([["content-length", bad]]), hasCode("invalid_request"), bad);
  }
});

Deno.test("too many and too large headers are refused", () => {
  const many = Array.from({ length: 101 }, (_, i): [string, string] => [`x-${i}`, "1"]);
  assert.throws(() => read(many), hasCode("headers_too_large"));
  read(many.slice(0, 100));
  assert.throws(() => read([["x", "a".repeat(32 * 1024)]]), hasCode("headers_too_large"));
  read([["x", "a".repeat(32 * 1024 - 5)]]);
});

Deno.test("an upgrade to WebSocket is passed on, any other is not", () => {
  const headers = read([["connection", "keep-alive, Upgrade"], ["upgrade", "WebSocket"]]);
  assert.equal(headers.webSocket, true);
  assert.deepEqual(headers.forFunction, ["connection", "Upgrade", "upgrade", "websocket"]);
  assert.deepEqual(seen([["connection", "Upgrade, HTTP2-Settings"], ["upgrade", "h2c"]]), {});
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof OrlaError && error.code === code;
}
