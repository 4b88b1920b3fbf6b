/**
 * What a request says about who signed it, in its headers
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html) or in its
 * query (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
 */
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";

export interface Authorization {
  readonly isPresigned: boolean;
  readonly accessKeyId: string;
  /** `20130524` */
  readonly day: string;
  readonly region: string;
  /** `20130524T000000Z` */
  readonly time: string;
  /** Lower case. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** From `time` on, of a signed URL. */
  readonly validSeconds: number;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const credential = /^([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request$/;

/** Every client signs anew for each request: this is for clocks that differ. */
export const MAX_SKEW_SECONDS = 15 * 60;

/** A week, as S3 has it. */
const MAX_VALID_SECONDS = 7 * 24 * 3600;

/** Throws `AccessDenied` where nobody signed. */
export function readAuthorization(request: S3Request): Authorization {
  const header = request.headers.get("authorization");
  if (header !== null) return fromHeader(header, request);
  if (request.query.has("X-Amz-Algorithm")) return fromQuery(request.query);
  throw new S3Error("AccessDenied", "The request is not signed: this needs S3's signatures.");
}

function fromHeader(header: string, request: S3Request): Authorization {
  const malformed = (what: string) => new S3Error("AuthorizationHeaderMalformed", what);
  const [algorithm = "", ...rest] = header.split(" ");
  if (algorithm !== ALGORITHM) throw malformed(`The signature must be ${ALGORITHM}.`);
  const fields = new Map(
    rest.join("").split(",").map((field) => {
      const [name = "", value = ""] = field.split(/=(.*)/s, 2);
      return [name, value] as const;
    }),
  );
  const read = (name: string) => fields.get(name) ?? "";
  const said = readFields(read, request.headers.get("x-amz-date") ?? "", malformed);
  if (!said.signedHeaders.includes("x-amz-content-sha256")) {
    throw new S3Error(
      "InvalidRequest",
      "The header x-amz-content-sha256 must be there and signed.",
    );
  }
  return { isPresigned: false, ...said, validSeconds: MAX_SKEW_SECONDS };
}

function fromQuery(query: ReadonlyMap<string, string>): Authorization {
  const malformed = (what: string) => new S3Error("AuthorizationQueryParametersError", what);
  const read = (name: string) => query.get(`X-Amz-${name}`) ?? "";
  if (read("Algorithm") !== ALGORITHM) throw malformed(`X-Amz-Algorithm must be ${ALGORITHM}.`);
  const validSeconds = /^\d{1,7}$/.test(read("Expires")) ? Number(read("Expires")) : 0;
  if (validSeconds < 1 || validSeconds > MAX_VALID_SECONDS) {
    throw malformed(`X-Amz-Expires must be from 1 to ${MAX_VALID_SECONDS} seconds.`);
  }
  return { isPresigned: true, ...readFields(read, read("Date"), malformed), validSeconds };
}

function readFields(
  read: (name: string) => string,
  time: string,
  malformed: (what: string) => S3Error,
): Omit<Authorization, "isPresigned" | "validSeconds"> {
  const [, accessKeyId, day, region] = credential.exec(read("Credential")) ?? [];
  if (accessKeyId === undefined || day === undefined || region === undefined) {
    throw malformed("Credential must be <key>/<YYYYMMDD>/<region>/s3/aws4_request.");
  }
  if (!/^\d{8}T\d{6}Z$/.test(time) || Number.isNaN(millisecondsOf(time))) {
    throw malformed("The time (X-Amz-Date) must be YYYYMMDDTHHMMSSZ.");
  }
  if (!time.startsWith(day)) throw malformed("Credential is for another day than X-Amz-Date.");
  const signature = read("Signature");
  if (!/^[0-9a-f]{64}$/.test(signature)) throw malformed("Signature must have 64 hex digits.");
  const signedHeaders = read("SignedHeaders").split(";");
  if (!signedHeaders.includes("host")) throw malformed("SignedHeaders must have host.");
  return { accessKeyId, day, region, time, signedHeaders, signature };
}

/** Since 1970; NaN for a time that is none. */
export function millisecondsOf(time: string): number {
  return Date.parse(
    time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
}
