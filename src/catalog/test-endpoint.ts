/**
 * The node's end of edge.call, reduced to what tests of the SQL side need: it asks for the password,
 * hands each message to `answer`, and tells when a caller hangs up.
 */
import { createServer, type Socket } from "node:net";

export interface TestEndpoint extends AsyncDisposable {
  readonly port: number;
  /** Connections that gave the right password so far. */
  readonly connections: number;
  close(): Promise<void>;
}

export interface TestAnswer {
  readonly state: string;
  readonly body: string | null;
}

/** `header` is the message's first line, parsed; `input` the rest. What it throws is refused with 54000. */
export type Answer = (
  header: { readonly v: string; readonly role: string; readonly def?: unknown },
  input: string,
  hungUp: AbortSignal,
) => TestAnswer | Promise<TestAnswer>;

export async function startTestEndpoint(
  options: { password: string; port?: number; answer: Answer },
): Promise<TestEndpoint> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    const hungUp = new AbortController();
    socket.on("close", () => {
      sockets.delete(socket);
      hungUp.abort();
    });
    socket.on("error", () => {});
    socket.setNoDelay(true);
    let buffer = Buffer.alloc(0);
    let started = false;
    socket.on("data", async (data: Buffer) => {
      buffer = Buffer.concat([buffer, data]);
      while (true) {
        const head = started ? 1 : 0;
        if (buffer.length < head + 4) return;
        const size = head + buffer.readInt32BE(head);
        if (buffer.length < size) return;
        const message = buffer.subarray(0, size);
        buffer = buffer.subarray(size);
        if (!started) {
          started = true;
          socket.write(frame("R", int32(3)));
        } else if (message[0] === "p".charCodeAt(0)) {
          if (message.toString("utf8", 5, size - 1) !== options.password) {
            socket.end(frame("E", text("SFATAL"), text("C28P01"), text("Mwrong password"), [0]));
            return;
          }
          connections++;
          socket.write(Buffer.concat([
            frame("R", int32(0)),
            frame("S", text("client_encoding"), text("UTF8")),
            frame("Z", text("I").subarray(0, 1)),
          ]));
        } else if (message[0] === "Q".charCodeAt(0)) {
          const query = message.toString("utf8", 5, size - 1);
          const line = query.indexOf("\n");
          let answer: TestAnswer;
          try {
            answer = await options.answer(
              JSON.parse(query.slice(0, line)),
              query.slice(line + 1),
              hungUp.signal,
            );
          } catch (thrown) {
            socket.write(Buffer.concat([
              frame("E", text("SERROR"), text("C54000"), text(`M${thrown}`), [0]),
              frame("Z", text("I").subarray(0, 1)),
            ]));
            continue;
          }
          socket.write(Buffer.concat([
            frame("T", int16(2), column("state"), column("body")),
            frame("D", int16(2), field(answer.state), field(answer.body)),
            frame("C", text("SELECT 1")),
            frame("Z", text("I").subarray(0, 1)),
          ]));
        }
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    get connections() {
      return connections;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function frame(type: string, ...parts: (Uint8Array | number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

const text = (value: string): Buffer => Buffer.from(value + "\0");

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

/** Type oid 25 is text. */
const column = (name: string): Buffer =>
  Buffer.concat([text(name), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]);

function field(value: string | null): Buffer {
  if (value === null) return int32(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([int32(bytes.length), bytes]);
}
