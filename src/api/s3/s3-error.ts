/**
 * Errors as S3 has them (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html): its
 * clients match on these codes, not on ours.
 */
import { type ErrorCode, OrlaError, toOrlaError } from "../../base/errors.ts";

export const s3Statuses = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BucketNotEmpty: 409,
  EntityTooLarge: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidURI: 400,
  MalformedXML: 400,
  MetadataTooLarge: 400,
  MissingContentLength: 411,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  RequestTimeout: 400,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  XAmzContentSHA256Mismatch: 400,
} as const;

export type S3ErrorCode = keyof typeof s3Statuses;

export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly code: S3ErrorCode;

  constructor(code: S3ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get status(): number {
    return s3Statuses[this.code];
  }
}

/** What the rest of Orla throws at uploads and downloads. */
const counterparts: Partial<Record<ErrorCode, S3ErrorCode>> = {
  invalid_request: "InvalidArgument",
  not_found: "NoSuchKey",
  payload_too_large: "EntityTooLarge",
  request_timeout: "RequestTimeout",
  cancelled: "IncompleteBody",
  overloaded: "ServiceUnavailable",
  unavailable: "ServiceUnavailable",
};

/** What nobody expects is an `InternalError`, which belongs into the log. */
export function toS3Error(thrown: unknown): S3Error {
  if (thrown instanceof S3Error) return thrown;
  const error = toOrlaError(thrown);
  const code = counterparts[error.code];
  if (code === undefined) {
    return new S3Error("InternalError", "Something went wrong inside Orla.", { cause: error });
  }
  const hint = error.hint === undefined ? "" : ` ${error.hint}`;
  return new S3Error(code, `${error.message}${hint}`, { cause: error });
}

/** The name of a bucket is said to be the problem where it is. */
export function bucketProblem(thrown: unknown): unknown {
  if (!(thrown instanceof OrlaError) || thrown.code !== "invalid_request") return thrown;
  return new S3Error("InvalidBucketName", `${thrown.message} ${thrown.hint ?? ""}`.trim(), {
    cause: thrown,
  });
}
