/** A client that speaks the bare protocol, for what drivers hide. Wants a server that trusts. */
import { HEADER_BYTES, MessageFramer } from "../src/pgwire/framer.ts";
import { writeStartupPacket } from "../src/pgwire/startup.ts";
import { Frontend } from "../src/pgwire/types.ts";
import { MessageWriter } from "../src/pgwire/writer.ts";
import { ErrorField, ErrorFields } from "../src/pgwire/error-fields.ts";

export interface Message {
  readonly type: string;
  readonly body: Uint8Array;
}

export class WireClient {
  readonly connection: Deno.TcpConn;
  readonly #framer = new MessageFramer({ wants: () => true });

  constructor(connection: Deno.TcpConn) {
    this.connection = connection;
  }

  static async connect(
    port: number,
    options: { minor?: number; parameters?: Record<string, string> } = {},
  ): Promise<WireClient> {
    const client = new WireClient(await Deno.connect({ hostname: "127.0.0.1", port }));
    const parameters = { user: "postgres", database: "postgres", ...options.parameters };
    await client.send(writeStartupPacket({
      kind: "startup",
      major: 3,
      minor: options.minor ?? 0,
      parameters: new Map(Object.entries(parameters)),
    }));
    return client;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.connection.write(bytes.subarray(at));
  }

  /** The next message, or `null` at the end. */
  async receive(): Promise<Message | null> {
    const framer = this.#framer;
    while (!framer.next()) {
      framer.discard();
      const read = await this.connection.read(framer.space());
      if (read === null) return null;
      framer.received(read);
    }
    const body = framer.buffer.slice(framer.start + HEADER_BYTES, framer.end);
    return { type: String.fromCharCode(framer.type), body };
  }

  /** Everything up to and including a message of this type, or up to the end. */
  async receiveUntil(type: string): Promise<Message[]> {
    const messages: Message[] = [];
    for (;;) {
      const message = await this.receive();
      if (message === null) return messages;
      messages.push(message);
      if (message.type === type) return messages;
    }
  }

  close(): void {
    this.connection.close();
  }
}

export const typesOf = (messages: readonly Message[]): string =>
  messages.map(({ type }) => type).join("");

export function textOf(message: Message | null | undefined): string {
  return new TextDecoder().decode(message?.body).replaceAll("\0", "|");
}

export interface WireError {
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly position: string | undefined;
}

export function errorOf(message: Message | null | undefined): WireError {
  const body = message?.type === "E" ? message.body : new Uint8Array(1);
  const fields = ErrorFields.read(body, 0, body.length);
  return {
    code: fields.get(ErrorField.sqlState),
    message: fields.get(ErrorField.message),
    position: fields.get(ErrorField.position),
  };
}

export function parse(name: string, text: string): Uint8Array {
  return new MessageWriter().begin(Frontend.parse).string(name).string(text).int16(0).end().take();
}

/** Unnamed portal, no parameters, all results in text. */
export function bind(name: string): Uint8Array {
  return new MessageWriter().begin(Frontend.bind).string("").string(name)
    .int16(0).int16(0).int16(0).end().take();
}

export function describePortal(): Uint8Array {
  return new MessageWriter().begin(Frontend.describe).text("P").string("").end().take();
}

export function execute(maxRows = 0): Uint8Array {
  return new MessageWriter().begin(Frontend.execute).string("").int32(maxRows).end().take();
}

export function bare(type: number, body = new Uint8Array(0)): Uint8Array {
  return new MessageWriter().begin(type).bytes(body).end().take();
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}
