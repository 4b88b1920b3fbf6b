/** Whether a request was signed with this node's key pair, now, and as a whole. */
import { timingSafeEqual } from "node:crypto";
import type { S3Access } from "../../storage/s3-access.ts";
import {
  type Authorization,
  MAX_SKEW_SECONDS,
  millisecondsOf,
  readAuthorization,
} from "./authorization.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { signatureOf, signedPaths } from "./signature.ts";

/** Throws the error of S3 that says why not. */
export function authenticate(request: S3Request, access: S3Access, now: number): Authorization {
  const authorization = readAuthorization(request);
  if (request.header("x-amz-security-token") !== null) {
    throw new S3Error("InvalidAccessKeyId", "There are no temporary keys here.");
  }
  if (authorization.accessKeyId !== access.accessKeyId) {
    throw new S3Error("InvalidAccessKeyId", "The access key id is not this node's.");
  }
  const isSigned = signedPaths(request.path).some((path) =>
    isSame(authorization.signature, signatureOf({ ...request, path }, authorization, access))
  );
  if (!isSigned) {
    throw new S3Error(
      "SignatureDoesNotMatch",
      "The signature is not this request's: the secret key is wrong, or a proxy changed the request.",
    );
  }
  checkTime(authorization, now);
  const unsigned = [...request.headers.keys()].find((name) =>
    name.startsWith("x-amz-") && !authorization.signedHeaders.includes(name)
  );
  if (unsigned !== undefined) {
    throw new S3Error("AccessDenied", `The header ${unsigned} is not signed.`);
  }
  return authorization;
}

function checkTime({ isPresigned, time, validSeconds }: Authorization, now: number): void {
  const ageSeconds = (now - millisecondsOf(time)) / 1000;
  if (ageSeconds >= -MAX_SKEW_SECONDS && ageSeconds <= validSeconds) return;
  if (isPresigned) {
    const when = ageSeconds < 0 ? "is not valid yet" : "has expired";
    throw new S3Error("AccessDenied", `The signed URL ${when}.`);
  }
  throw new S3Error(
    "RequestTimeTooSkewed",
    `The client's clock is more than ${MAX_SKEW_SECONDS / 60} minutes away from this node's.`,
  );
}

export function isSame(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => new TextEncoder().encode(text));
  return a !== undefined && b !== undefined && a.length === b.length && timingSafeEqual(a, b);
}
