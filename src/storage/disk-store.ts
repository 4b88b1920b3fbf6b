/**
 * Objects as files below one directory. A file is written elsewhere, brought to the disk, and then
 * renamed: what a crash leaves behind is not at any key.
 */
import { dirname, join } from "node:path";
import { diskFull, isFull } from "./disk-full.ts";
import { type ByteRange, checkKey, type ObjectStore, type StoredKey } from "./object-store.ts";

/** So large are the pieces that a file is read in. */
const READ_BYTES = 64 * 1024;

/** No upload lasts for so long: what is older was left behind by a node that died. */
const ABANDONED_MS = 48 * 3_600_000;

export class DiskStore implements ObjectStore {
  readonly #objects: string;
  readonly #incoming: string;

  private constructor(directory: string) {
    this.#objects = join(directory, "objects");
    this.#incoming = join(directory, "incoming");
  }

  static async open(directory: string): Promise<DiskStore> {
    const store = new DiskStore(directory);
    for (const path of [store.#objects, store.#incoming]) {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    }
    await store.#removeAbandoned();
    return store;
  }

  async put(key: string, body: ReadableStream<Uint8Array>): Promise<void> {
    checkKey(key);
    const temporary = join(this.#incoming, crypto.randomUUID());
    try {
      await writeDurably(temporary, body);
      const place = this.#place(key);
      await Deno.mkdir(dirname(place), { recursive: true, mode: 0o700 });
      await Deno.rename(temporary, place);
      await syncDirectory(dirname(place));
      await syncDirectory(this.#objects);
    } catch (thrown) {
      await Deno.remove(temporary).catch(() => {});
      if (isFull(thrown)) throw diskFull(thrown);
      throw thrown;
    }
  }

  async get(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null> {
    const file = await ifThere(() => Deno.open(this.#place(key)));
    if (file === null) return null;
    try {
      if (range !== undefined) await file.seek(range.start, Deno.SeekMode.Start);
    } catch (thrown) {
      file.close();
      throw thrown;
    }
    return readFile(file, range === undefined ? Infinity : range.end - range.start + 1);
  }

  async size(key: string): Promise<number | null> {
    const info = await ifThere(() => Deno.stat(this.#place(key)));
    return info === null || !info.isFile ? null : info.size;
  }

  async delete(key: string): Promise<void> {
    await ifThere(() => Deno.remove(this.#place(key)));
  }

  async *list(prefix: string): AsyncIterable<StoredKey> {
    for await (const key of filesBelow(this.#objects, "")) {
      if (!key.startsWith(prefix)) continue;
      const info = await ifThere(() => Deno.stat(join(this.#objects, key)));
      if (info !== null) yield { key, size: info.size, modifiedAt: info.mtime ?? new Date(0) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #place(key: string): string {
    checkKey(key);
    return join(this.#objects, key);
  }

  async #removeAbandoned(): Promise<void> {
    for await (const { name } of Deno.readDir(this.#incoming)) {
      const path = join(this.#incoming, name);
      const info = await ifThere(() => Deno.stat(path));
      if (info === null || Date.now() - (info.mtime?.getTime() ?? 0) < ABANDONED_MS) continue;
      await ifThere(() => Deno.remove(path));
    }
  }
}

async function writeDurably(path: string, body: ReadableStream<Uint8Array>): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  for await (const chunk of body) {
    for (let written = 0; written < chunk.length;) {
      written += await file.write(chunk.subarray(written));
    }
  }
  await file.sync();
}

/** A rename is durable once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  using directory = await Deno.open(path);
  await directory.sync();
}

function readFile(file: Deno.FsFile, length: number): ReadableStream<Uint8Array> {
  let left = length;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const buffer = new Uint8Array(Math.min(READ_BYTES, left));
        const read = left === 0 ? null : await file.read(buffer);
        if (read === null) {
          file.close();
          return controller.close();
        }
        left -= read;
        controller.enqueue(buffer.subarray(0, read));
      } catch (thrown) {
        file.close();
        throw thrown;
      }
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

async function* filesBelow(directory: string, path: string): AsyncIterable<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(directory, path))) {
    const inner = path === "" ? name : `${path}/${name}`;
    if (isDirectory) yield* filesBelow(directory, inner);
    else yield inner;
  }
}

async function ifThere<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  }
}
