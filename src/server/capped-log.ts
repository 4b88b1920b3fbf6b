/** A log file that cannot fill the disk: at its cap it becomes `<name>.1`, and a new one begins. */

export interface CappedLog extends AsyncDisposable {
  /** Takes every chunk of the stream; resolves at its end. */
  drain(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void>;
}

export async function openCappedLog(path: string, capBytes: number): Promise<CappedLog> {
  const open = () => Deno.open(path, { append: true, create: true, mode: 0o600 });
  let file = await open();
  let size = (await file.stat()).size;

  async function append(chunk: Uint8Array) {
    if (size + chunk.length > capBytes && size > 0) {
      file.close();
      await Deno.rename(path, `${path}.1`);
      file = await open();
      size = 0;
    }
    size += chunk.length;
    for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await file.write(rest));
  }

  return {
    async drain(stream, onLine) {
      const decoder = new TextDecoder();
      let partial = "";
      for await (const chunk of stream) {
        try {
          await append(chunk);
        } catch {
          // A full disk must not stop the reader, or Postgres would block writing to us.
        }
        const lines = (partial + decoder.decode(chunk, { stream: true })).split("\n");
        partial = lines.pop() ?? "";
        for (const line of lines) onLine(line);
      }
      if (partial !== "") onLine(partial);
    },
    [Symbol.asyncDispose]() {
      file.close();
      return Promise.resolve();
    },
  };
}
