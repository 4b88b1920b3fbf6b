/** `storage`: reads the objects of buckets whose uploads the function is told of. */
import { hostCall, HostError } from "./host-client.ts";

export interface ObjectInfo {
  readonly bucket: string;
  readonly name: string;
  readonly size: number;
  readonly contentType: string;
  readonly etag: string;
  readonly uploadedAt: string;
}

interface Piece {
  readonly object: ObjectInfo;
  /** Base64. */
  readonly data: string;
}

/** So much is asked for at a time. */
const PIECE_BYTES = 512 * 1024;

export const storage = {
  /** `null` where there is nothing. */
  async head(bucket: string, name: string): Promise<ObjectInfo | null> {
    return (await read(bucket, name, { length: 0 }))?.object ?? null;
  },

  /** The bytes, asked for as they are read. Rejects with a `HostError` where there is nothing. */
  async open(bucket: string, name: string): Promise<ReadableStream<Uint8Array>> {
    let next = await read(bucket, name, { length: PIECE_BYTES });
    if (next === null) throw missing(bucket, name);
    const { size, etag } = next.object;
    let offset = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (offset >= size) return controller.close();
        const piece = next ?? await read(bucket, name, { offset, length: PIECE_BYTES, etag });
        next = null;
        if (piece === null) throw missing(bucket, name);
        const bytes = Uint8Array.fromBase64(piece.data);
        offset += bytes.length;
        controller.enqueue(bytes);
      },
    }, { highWaterMark: 0 });
  },
};

interface Range {
  readonly offset?: number;
  readonly length: number;
  readonly etag?: string;
}

async function read(bucket: string, name: string, range: Range): Promise<Piece | null> {
  return await hostCall("storage.read", { bucket, name, ...range }) as Piece | null;
}

function missing(bucket: string, name: string): HostError {
  const error = new HostError(`There is no object ${name} in the bucket ${bucket}.`);
  Object.defineProperty(error, "code", { value: "not_found", enumerable: true });
  return error;
}
