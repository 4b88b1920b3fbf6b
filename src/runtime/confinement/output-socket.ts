/**
 * Where launched processes write. Each connects twice before it executes its program and says in
 * sixteen digits who it is: its launch, then 1 for output or 2 for error output.
 */

const HEADER_BYTES = 16;

export interface Output {
  readonly stdout: Promise<ReadableStream<Uint8Array>>;
  readonly stderr: Promise<ReadableStream<Uint8Array>>;
}

interface Expected {
  readonly stdout: PromiseWithResolvers<ReadableStream<Uint8Array>>;
  readonly stderr: PromiseWithResolvers<ReadableStream<Uint8Array>>;
}

export class OutputSocket implements AsyncDisposable {
  readonly path: string;
  readonly #listener: Deno.UnixListener;
  readonly #expected = new Map<number, Expected>();
  readonly #accepting: Promise<void>;

  /** `path` must not exist, in a directory of ours alone. */
  constructor(path: string) {
    this.path = path;
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#accepting = this.#accept();
  }

  expect(launch: number): Output {
    const expected: Expected = {
      stdout: Promise.withResolvers(),
      stderr: Promise.withResolvers(),
    };
    this.#expected.set(launch, expected);
    return { stdout: expected.stdout.promise, stderr: expected.stderr.promise };
  }

  /** The launch failed: what has not connected will not be waited for. */
  forget(launch: number): void {
    this.#expected.delete(launch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) await this.#welcome(connection);
  }

  /** The launcher's child sends the header at once, so waiting for it holds up nobody. */
  async #welcome(connection: Deno.UnixConn): Promise<void> {
    const header = await readHeader(connection);
    const launch = Number(header.slice(0, -1));
    const expected = this.#expected.get(launch);
    if (expected === undefined) return connection.close();
    if (header.endsWith("1")) return expected.stdout.resolve(connection.readable);
    // The second and last of the two.
    expected.stderr.resolve(connection.readable);
    this.#expected.delete(launch);
  }
}

async function readHeader(connection: Deno.UnixConn): Promise<string> {
  const header = new Uint8Array(HEADER_BYTES);
  let count = 0;
  try {
    while (count < HEADER_BYTES) {
      const read = await connection.read(header.subarray(count));
      if (read === null) break;
      count += read;
    }
  } catch {
    // A child that was killed meanwhile.
  }
  return new TextDecoder().decode(header.subarray(0, count));
}
