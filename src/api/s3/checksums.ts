/**
 * The checksums that clients of S3 send with bodies
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { S3Error, type S3ErrorCode } from "./s3-error.ts";

export interface Checksum {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

export type ChecksumOpener = () => Checksum | Promise<Checksum>;

/** Reversed, as both count bits from the lowest. */
const CRC32C_POLYNOMIAL = 0x82f63b78;
const CRC64_NVME_POLYNOMIAL = "9a6c9329ac4bc9b5";

/** By the end of the header's name: `x-amz-checksum-crc32`. */
export const checksums: Readonly<Record<string, ChecksumOpener>> = {
  crc32: () => {
    let value = 0;
    return {
      update: (bytes) => void (value = crc32(bytes, value)),
      digest: () => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(value >>> 0);
        return bytes;
      },
    };
  },
  crc32c: async () => wasm(await (await import("hash-wasm")).createCRC32(CRC32C_POLYNOMIAL)),
  crc64nvme: async () => wasm(await (await import("hash-wasm")).createCRC64(CRC64_NVME_POLYNOMIAL)),
  sha1: () => createHash("sha1"),
  sha256: () => createHash("sha256"),
};

function wasm(hash: {
  init(): unknown;
  update(bytes: Uint8Array): unknown;
  digest(form: "binary"): Uint8Array;
}): Checksum {
  hash.init();
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("binary") };
}

/** What a body must come to. */
export interface Check {
  readonly checksum: Checksum;
  /** Known only once the body has ended, where it is in the trailer. */
  readonly expected: () => Uint8Array;
  readonly code: S3ErrorCode;
  readonly message: string;
}

/** Passes a body on; its end fails when a check does. */
export function checked(
  body: ReadableStream<Uint8Array>,
  checks: readonly Check[],
): ReadableStream<Uint8Array> {
  if (checks.length === 0) return body;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (const { checksum } of checks) checksum.update(chunk);
        controller.enqueue(chunk);
      },
      flush() {
        for (const { checksum, expected, code, message } of checks) {
          if (Buffer.compare(checksum.digest(), expected()) !== 0) throw new S3Error(code, message);
        }
      },
    }),
  );
}
