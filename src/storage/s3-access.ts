/**
 * The key pair with which clients of S3 sign their requests. The secret is derived from the service key:
 * it changes with it, and tells nothing about it.
 */
import { createHmac } from "node:crypto";

export interface S3Access {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export function s3AccessOf(serviceKey: string): S3Access {
  // Other things made with the service key mean something else.
  const secret = createHmac("sha256", serviceKey).update("orla storage s3 1").digest("base64url");
  return { accessKeyId: "orla", secretAccessKey: secret };
}
