import assert from "node:assert/strict";
import fc from "fast-check";
import {
  MAX_STARTUP_PACKET_BYTES,
  readStartupPacket,
  type StartupPacket,
  startupPacketLength,
  writeStartupPacket,
} from "./startup.ts";
import { ProtocolViolation } from "./violation.ts";

const packets: StartupPacket[] = [
  { kind: "ssl" },
  { kind: "gssenc" },
  { kind: "cancel", processId: 42, key: new Uint8Array([1, 2, 3, 4]) },
  { kind: "cancel", processId: -1, key: new Uint8Array(256).fill(7) },
  { kind: "startup", major: 3, minor: 0, parameters: new Map([["user", "ada"]]) },
  {
    kind: "startup",
    major: 3,
    minor: 2,
    parameters: new Map([["user", "ada"], ["options", "-c a=b"], ["_pq_.x", ""]]),
  },
];

Deno.test("packets are read back as written", () => {
  for (const packet of packets) {
    assert.deepEqual(readStartupPacket(writeStartupPacket(packet)), packet);
  }
});

Deno.test("a packet's length is known from its first four bytes", () => {
  for (const packet of packets) {
    const bytes = writeStartupPacket(packet);
    for (let end = 0; end <= bytes.length; end++) {
      assert.equal(startupPacketLength(bytes.subarray(0, end)), end < 4 ? null : bytes.length);
    }
  }
});

Deno.test("a length nobody honest sends is refused before anything is read", () => {
  for (const length of [0, 7, MAX_STARTUP_PACKET_BYTES + 1, -1, 0x47455420 /* "GET " */]) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, length);
    assert.throws(() => startupPacketLength(bytes), ProtocolViolation);
  }
});

Deno.test("cut or padded packets are refused", () => {
  for (const packet of packets) {
    const bytes = writeStartupPacket(packet);
    // The key of a cancel request has no length of its own.
    const shortest = packet.kind === "cancel" ? 16 : bytes.length;
    for (let end = 8; end < shortest; end++) {
      assert.throws(() => readStartupPacket(bytes.subarray(0, end)), ProtocolViolation);
    }
    if (packet.kind === "cancel") continue;
    const padded = new Uint8Array(bytes.length + 1);
    padded.set(bytes);
    assert.throws(() => readStartupPacket(padded), ProtocolViolation);
  }
});

Deno.test("protocol 2 and unknown codes are refused", () => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setInt32(4, 2 << 16);
  assert.throws(() => readStartupPacket(bytes), /unsupported frontend protocol 2\.0/);
});

Deno.test("noise never does more than be refused", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 100 }), (bytes) => {
    try {
      readStartupPacket(bytes);
    } catch (thrown) {
      assert.ok(thrown instanceof ProtocolViolation);
    }
  }));
});
