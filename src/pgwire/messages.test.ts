import assert from "node:assert/strict";
import fc from "fast-check";
import { errorResponse, writeDataRow, writeNegotiateProtocolVersion } from "./backend.ts";
import { ErrorField, ErrorFields } from "./error-fields.ts";
import { HEADER_BYTES } from "./framer.ts";
import { parseMessage, queryMessage, readParse, readQuery } from "./frontend.ts";
import { FieldReader, readInt32 } from "./reader.ts";
import { Backend } from "./types.ts";
import { ProtocolViolation } from "./violation.ts";
import { MessageWriter } from "./writer.ts";

const noZero = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
const encoder = new TextEncoder();
const decoder = new TextDecoder();

Deno.test("query texts are read back as written", () => {
  fc.assert(fc.property(noZero, (query) => {
    const bytes = queryMessage(query);
    assert.equal(readInt32(bytes, 1), bytes.length - 1);
    assert.equal(decoder.decode(readQuery(bytes, 0, bytes.length)), query);
  }));
});

Deno.test("a Parse message keeps its name and parameter types when its text changes", () => {
  fc.assert(fc.property(noZero, noZero, fc.uint8Array(), (name, query, types) => {
    const first = parseMessage(
      { statementName: encoder.encode(name), parameterTypes: types },
      "something else",
    );
    const second = parseMessage(readParse(first, 0, first.length), query);
    const read = readParse(second, 0, second.length);
    assert.equal(decoder.decode(read.statementName), name);
    assert.equal(decoder.decode(read.query), query);
    assert.deepEqual(new Uint8Array(read.parameterTypes), types);
  }));
});

Deno.test("strings must end inside their message", () => {
  const bytes = queryMessage("SELECT 1");
  assert.throws(() => readQuery(bytes, 0, bytes.length - 1), ProtocolViolation);
  assert.throws(() => readParse(bytes, 0, bytes.length), ProtocolViolation);
});

Deno.test("an error's fields keep their bytes, whatever their encoding", () => {
  const latin1 = new Uint8Array([0x4d, 0xe9, 0xff, 0, 0x43, 0x34, 0x32, 0, 0x57, 0x77, 0, 0]);
  const fields = ErrorFields.read(latin1, 0, latin1.length);
  assert.equal(fields.get(ErrorField.sqlState), "42");
  fields.delete(ErrorField.where, ErrorField.file).set(ErrorField.position, "7");
  const writer = new MessageWriter();
  fields.write(writer, Backend.errorResponse);
  assert.deepEqual(
    [...writer.take().subarray(HEADER_BYTES)],
    [0x4d, 0xe9, 0xff, 0, 0x43, 0x34, 0x32, 0, 0x50, 0x37, 0, 0],
  );
});

Deno.test("noise in an error body is refused", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    try {
      ErrorFields.read(bytes, 0, bytes.length);
    } catch (thrown) {
      assert.ok(thrown instanceof ProtocolViolation);
    }
  }));
});

Deno.test("errors carry severity twice, and only the fields that say something", () => {
  const bytes = errorResponse({ severity: "FATAL", sqlState: "57P01", message: "bye", hint: "" });
  assert.equal(decoder.decode(bytes.subarray(HEADER_BYTES)), "SFATAL\0VFATAL\0C57P01\0Mbye\0\0");
});

Deno.test("a zero byte cannot end a string early and smuggle in a field", () => {
  const bytes = errorResponse({ severity: "ERROR", sqlState: "00000", message: "a\0Dfake" });
  assert.equal(decoder.decode(bytes.subarray(HEADER_BYTES)), "SERROR\0VERROR\0C00000\0MaDfake\0\0");
  const query = queryMessage("SELECT 1\0; SELECT 2");
  assert.equal(decoder.decode(readQuery(query, 0, query.length)), "SELECT 1");
});

Deno.test("rows know NULL from empty, and count bytes, not characters", () => {
  const writer = new MessageWriter();
  writeDataRow(writer, [null, "", "é".repeat(1000)]);
  const reader = new FieldReader(writer.take(), HEADER_BYTES);
  assert.equal(reader.int16(), 3);
  assert.equal(reader.int32(), -1);
  assert.equal(reader.int32(), 0);
  assert.equal(reader.int32(), 2000);
});

Deno.test("NegotiateProtocolVersion names the minor version and what is unknown", () => {
  const writer = new MessageWriter();
  writeNegotiateProtocolVersion(writer, 2, ["_pq_.a"]);
  const reader = new FieldReader(writer.take(), HEADER_BYTES);
  assert.equal(reader.int32(), 3 << 16 | 2);
  assert.equal(reader.int32(), 1);
  assert.equal(reader.string(), "_pq_.a");
  reader.finish();
});
