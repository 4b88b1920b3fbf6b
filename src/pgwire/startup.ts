/**
 * The packets a connection begins with. They carry no type byte: a length, then a code that is a
 * protocol version or one of three requests.
 *
 * https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-START-UP
 */
import { FieldReader, readInt32 } from "./reader.ts";
import { ProtocolViolation } from "./violation.ts";
import { MessageWriter } from "./writer.ts";

/** Postgres' own cap (`MAX_STARTUP_PACKET_LENGTH`): nobody is authenticated yet. */
export const MAX_STARTUP_PACKET_BYTES = 10_000;

const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;
/** A cancel key has up to 256 bytes since protocol 3.2; before, it had four. */
const MAX_CANCEL_KEY_BYTES = 256;

/** The first byte of a TLS record with a handshake: the client wants TLS without asking first. */
export const TLS_HANDSHAKE_BYTE = 0x16;

export type StartupPacket =
  | {
    readonly kind: "startup";
    readonly major: number;
    readonly minor: number;
    readonly parameters: ReadonlyMap<string, string>;
  }
  | { readonly kind: "cancel"; readonly processId: number; readonly key: Uint8Array }
  | { readonly kind: "ssl" }
  | { readonly kind: "gssenc" };

/**
 * Bytes of the packet that `bytes` begins with, or `null` while its length is not here.
 * @throws {ProtocolViolation} when it is longer than any honest one.
 */
export function startupPacketLength(bytes: Uint8Array): number | null {
  if (bytes.length < 4) return null;
  const length = readInt32(bytes, 0);
  if (length < 8 || length > MAX_STARTUP_PACKET_BYTES) {
    throw new ProtocolViolation("invalid length of startup packet");
  }
  return length;
}

/** @throws {ProtocolViolation} */
export function readStartupPacket(packet: Uint8Array): StartupPacket {
  const reader = new FieldReader(packet);
  reader.int32();
  const code = reader.int32();
  switch (code) {
    case SSL_REQUEST:
      reader.finish();
      return { kind: "ssl" };
    case GSSENC_REQUEST:
      reader.finish();
      return { kind: "gssenc" };
    case CANCEL_REQUEST: {
      const processId = reader.int32();
      const key = reader.bytes(reader.remaining).slice();
      if (key.length < 4 || key.length > MAX_CANCEL_KEY_BYTES) {
        throw new ProtocolViolation("invalid length of cancel key");
      }
      return { kind: "cancel", processId, key };
    }
    default:
      return readStartupMessage(code, reader);
  }
}

function readStartupMessage(version: number, reader: FieldReader): StartupPacket {
  const major = version >>> 16;
  const minor = version & 0xffff;
  // A server answers another minor version with NegotiateProtocolVersion, another major one with an error.
  if (major !== 3) throw new ProtocolViolation(`unsupported frontend protocol ${major}.${minor}`);
  const parameters = new Map<string, string>();
  for (;;) {
    const name = reader.string();
    if (name === "") break;
    parameters.set(name, reader.string());
  }
  reader.finish();
  return { kind: "startup", major, minor, parameters };
}

export function writeStartupPacket(packet: StartupPacket): Uint8Array<ArrayBuffer> {
  const writer = new MessageWriter().beginUntyped();
  switch (packet.kind) {
    case "ssl":
      writer.int32(SSL_REQUEST);
      break;
    case "gssenc":
      writer.int32(GSSENC_REQUEST);
      break;
    case "cancel":
      writer.int32(CANCEL_REQUEST).int32(packet.processId).bytes(packet.key);
      break;
    case "startup":
      writer.int32(packet.major << 16 | packet.minor);
      for (const [name, value] of packet.parameters) writer.string(name).string(value);
      writer.byte(0);
      break;
    default:
      packet satisfies never;
  }
  return writer.end().take();
}
