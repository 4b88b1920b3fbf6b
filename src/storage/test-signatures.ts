/**
 * Checks Signature Version 4 of requests, written from the specification alone
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html), so that what the
 * client library signs is looked at by somebody else.
 */
import { createHash, createHmac } from "node:crypto";

export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

const authorizationHeader =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

const MAX_SKEW_MS = 15 * 60_000;

/** What is wrong with the request; `undefined` when nothing is. */
export function signatureProblem(
  { method, url, headers }: Request,
  body: Uint8Array,
  key: SigningKey,
): string | undefined {
  const [, id, day = "", region, names = "", signature] =
    authorizationHeader.exec(headers.get("authorization") ?? "") ?? [];
  if (signature === undefined) return "there is no authorization";
  if (id !== key.accessKeyId) return "the key is unknown";
  if (region !== key.region) return "it is for another region";
  const time = headers.get("x-amz-date") ?? "";
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time) ?? [];
  const [year, month, date, hour, minute, second] = parts.map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 0) - 1, date, hour, minute, second);
  if (!time.startsWith(day) || !(Math.abs(at - Date.now()) < MAX_SKEW_MS)) return "the time is off";
  const signed = names.split(";");
  const must = [...headers.keys()].filter((name) => name.startsWith("x-amz-")).concat("host");
  if (!must.every((name) => signed.includes(name))) return `unsigned among ${must}`;
  const payload = headers.get("x-amz-content-sha256") ?? "";
  if (payload !== "UNSIGNED-PAYLOAD" && payload !== hash(body)) return "the body is another";
  const { pathname, searchParams } = new URL(url);
  const query = [...searchParams].map((pair) => pair.map(encode).join("=")).sort().join("&");
  const canonical = [
    ...[method, pathname.split("/").map((part) => encode(decodeURIComponent(part))).join("/")],
    query,
    ...signed.map((name) => `${name}:${(headers.get(name) ?? "").trim().replace(/ +/g, " ")}`),
    ...["", names, payload],
  ].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", time, scope, hash(canonical)].join("\n");
  const signingKey = [day, key.region, "s3", "aws4_request"].reduce<string | Uint8Array>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    `AWS4${key.secretAccessKey}`,
  );
  const expected = createHmac("sha256", signingKey).update(text).digest("hex");
  return expected === signature ? undefined : "the signature is another";
}

function hash(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
