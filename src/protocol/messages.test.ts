import { deepStrictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "./frame.ts";
import {
  decodeCredit,
  decodeHttpReplyHead,
  decodeSocketClose,
  decodeWireError,
  encodeMessage,
  encodeSocketClose,
  splitHead,
} from "./messages.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a reply's head passes when it is one", () => {
  const head = { status: 404, headers: ["x-a", "b", "set-cookie", "ü=1"] };
  deepStrictEqual(decodeHttpReplyHead(encodeMessage(head)), head);
  deepStrictEqual(decodeHttpReplyHead('{"status":200,"headers":[],"socket":""}'), {
    status: 200,
    headers: [],
    socket: "",
  });
});

Deno.test("heads that no honest instance sends are refused", () => {
  const bad = [
    "",
    "null",
    "[]",
    '"x"',
    "{",
    '{"status":99,"headers":[]}',
    '{"status":600,"headers":[]}',
    '{"status":200.5,"headers":[]}',
    '{"status":"200","headers":[]}',
    '{"status":200}',
    '{"status":200,"headers":{}}',
    '{"status":200,"headers":["a"]}',
    '{"status":200,"headers":["a",1]}',
    '{"status":200,"headers":["a b","c"]}',
    '{"status":200,"headers":["","c"]}',
    '{"status":200,"headers":["a","b\\r\\nx: y"]}',
    '{"status":200,"headers":["a","\\u0000"]}',
    '{"status":200,"headers":["a","✓"]}',
    '{"status":200,"headers":[],"socket":1}',
  ];
  for (const head of bad) throws(() => decodeHttpReplyHead(head), ProtocolError, head);
});

Deno.test("an error needs a name and a message, and may claim one code only", () => {
  const decode = (text: string) => decodeWireError(bytes(text));
  deepStrictEqual(decode('{"name":"A","message":"b","stack":1,"code":"internal"}'), {
    name: "A",
    message: "b",
  });
  deepStrictEqual(decode('{"name":"A","message":"b","stack":"s","code":"invalid_request"}'), {
    name: "A",
    message: "b",
    stack: "s",
    code: "invalid_request",
  });
  for (const text of ["1", "{}", '{"name":1,"message":""}', '{"name":""}']) {
    throws(() => decode(text), ProtocolError, text);
  }
});

Deno.test("whatever the bytes are, decoding them gives a value or a ProtocolError", () => {
  const decoders = [splitHead, decodeWireError, decodeCredit, decodeSocketClose];
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(3), (payload, which) => {
    try {
      decoders[which]?.(payload);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }));
});

Deno.test("a close keeps its code and reason", () => {
  const close = { code: 4321, reason: "später" };
  deepStrictEqual(decodeSocketClose(encodeSocketClose(close)), close);
});
