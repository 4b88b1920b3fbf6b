/**
 * The beginning of a client's connection: requests for encryption are answered here, a request to
 * cancel is handed on, and what is left is the start-up packet, for the server.
 */
import { TLS_ACCEPTED, TLS_REFUSED } from "../pgwire/backend.ts";
import {
  MAX_STARTUP_PACKET_BYTES,
  readStartupPacket,
  type StartupPacket,
  startupPacketLength,
  TLS_HANDSHAKE_BYTE,
} from "../pgwire/startup.ts";
import { ProtocolViolation } from "../pgwire/violation.ts";
import { type Channel, closeQuietly, writeAll } from "./channel.ts";

/** Turns an accepted connection into an encrypted one. `received` was read from it already. */
export type TlsUpgrade = (channel: Channel, received: Uint8Array) => Promise<Channel>;

export interface Greeting {
  readonly packet: Extract<StartupPacket, { kind: "startup" | "cancel" }>;
  /** The packet as it came. */
  readonly bytes: Uint8Array;
  /** What the client sent after it, without waiting for an answer. */
  readonly rest: Uint8Array;
  /** Encrypted when the client asked for it. */
  readonly channel: Channel;
}

/** One request for TLS and one for GSS at most: nothing to loop on. */
const MAX_REQUESTS = 2;

/**
 * `null` when the client went away, as port scanners and health checks do.
 * @throws {ProtocolViolation}
 */
export async function greet(accepted: Channel, tls: TlsUpgrade | null): Promise<Greeting | null> {
  const upgraded: Channel[] = [];
  let greeting: Greeting | null = null;
  try {
    greeting = await negotiate(accepted, tls, upgraded);
  } finally {
    // The caller knows of the accepted connection only.
    if (greeting === null) upgraded.forEach(closeQuietly);
  }
  return greeting;
}

async function negotiate(
  accepted: Channel,
  tls: TlsUpgrade | null,
  upgraded: Channel[],
): Promise<Greeting | null> {
  let channel = accepted;
  let encrypted = false;
  let requests = 0;
  let received: Uint8Array = new Uint8Array(0);
  for (;;) {
    const read = await readPacket(channel, received, tls !== null && !encrypted);
    if (read === null) return null;
    if (read.kind === "tls") {
      if (tls === null) throw new ProtocolViolation("TLS is not configured");
      channel = await tls(channel, read.received);
      upgraded.push(channel);
      encrypted = true;
      received = new Uint8Array(0);
      continue;
    }
    const { bytes, rest } = read;
    const packet = readStartupPacket(bytes);
    if (packet.kind === "startup" || packet.kind === "cancel") {
      return { packet, bytes, rest, channel };
    }
    if (++requests > MAX_REQUESTS) throw new ProtocolViolation("too many encryption requests");
    if (packet.kind === "gssenc" || tls === null || encrypted) {
      await writeAll(channel, TLS_REFUSED);
      received = rest;
      continue;
    }
    // Bytes sent in the clear must not be taken for encrypted ones (CVE-2021-23214).
    if (rest.length > 0) throw new ProtocolViolation("unencrypted data after the TLS request");
    await writeAll(channel, TLS_ACCEPTED);
    channel = await tls(channel, rest);
    upgraded.push(channel);
    encrypted = true;
    received = new Uint8Array(0);
  }
}

type PacketRead =
  | { readonly kind: "packet"; readonly bytes: Uint8Array; readonly rest: Uint8Array }
  /** The client began with TLS at once (`sslnegotiation=direct`). */
  | { readonly kind: "tls"; readonly received: Uint8Array };

async function readPacket(
  channel: Channel,
  before: Uint8Array,
  tlsPossible: boolean,
): Promise<PacketRead | null> {
  const buffer = new Uint8Array(MAX_STARTUP_PACKET_BYTES);
  buffer.set(before);
  let filled = before.length;
  for (;;) {
    const received = buffer.subarray(0, filled);
    if (tlsPossible && received[0] === TLS_HANDSHAKE_BYTE) return { kind: "tls", received };
    const length = startupPacketLength(received);
    if (length !== null && length <= filled) {
      return { kind: "packet", bytes: received.subarray(0, length), rest: received.slice(length) };
    }
    const read = await channel.read(buffer.subarray(filled));
    if (read === null) return null;
    filled += read;
  }
}
