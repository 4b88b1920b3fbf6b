/** The official client of S3, pointed at a node. */
import { S3Client, type S3ClientConfig, S3ServiceException } from "@aws-sdk/client-s3";
import { s3SettingsOf } from "../../src/server/s3-settings.ts";
import type { OrlaProcess } from "../orla.ts";

export function s3ClientOf(
  orla: Pick<OrlaProcess, "http" | "serviceKey">,
  options: S3ClientConfig = {},
): S3Client & Disposable {
  const { endpoint, ...credentials } = s3SettingsOf(orla);
  const client = new S3Client({
    ...{ endpoint, credentials, region: "us-east-1", forcePathStyle: true },
    // A retry would hide what went wrong.
    maxAttempts: 1,
    ...options,
  });
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}

/** The same bytes each time, none of them like its neighbours, in pieces of 64 KB. */
export function* testBytes(length: number): Generator<Uint8Array> {
  const block = new Uint8Array(65_536);
  crypto.getRandomValues(block);
  for (let at = 0; at < length; at += block.length) {
    new DataView(block.buffer).setFloat64(0, at);
    yield block.slice(0, Math.min(block.length, length - at));
  }
}

export async function sha256Of(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  for await (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

/** The code of S3 that the work fails with; the status of what has no body to say it in. */
export async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof S3ServiceException && thrown.name === "Unknown") {
      return String(thrown.$metadata.httpStatusCode);
    }
    if (thrown instanceof Error) return thrown.name;
    throw thrown;
  }
  return "none";
}
