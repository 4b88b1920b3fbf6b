/** A request as S3 sees it: a bucket, a key in it, and parameters in the query or in headers. */
import { S3_PATH } from "./s3-path.ts";
import { S3Error } from "./s3-error.ts";

export interface S3Request {
  readonly method: string;
  /** Without percent escapes. */
  readonly path: string;
  /** Empty where the request is about none. */
  readonly bucket: string;
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: Headers;
  /** What a signed URL says in its query counts as a header, as in S3. */
  header(name: string): string | null;
}

/** No operation takes nearly as many. */
const MAX_PARAMETERS = 100;

/** `url` is absolute. Throws `InvalidURI` and `InvalidArgument`. */
export function readRequest(method: string, url: string, given: Headers): S3Request {
  const { host, pathname, search } = new URL(url);
  const headers = new Headers(given);
  // HTTP/2 says it in the URL alone.
  if (!headers.has("host")) headers.set("host", host);
  const path = decode(pathname);
  const [bucket = "", ...segments] = path.slice(S3_PATH.length + 1).split("/");
  const query = readQuery(search.slice(1));
  const inQuery = new Map([...query].map(([name, value]) => [name.toLowerCase(), value]));
  return {
    ...{ method, path, bucket, query, headers },
    key: segments.join("/"),
    header: (name) =>
      headers.get(name) ?? (name.startsWith("x-amz-") ? inQuery.get(name) ?? null : null),
  };
}

/** Every name once: what is signed must be what is used. */
function readQuery(search: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  const pairs = search.split("&").filter((pair) => pair !== "");
  if (pairs.length > MAX_PARAMETERS) {
    throw new S3Error("InvalidArgument", `There are more than ${MAX_PARAMETERS} parameters.`);
  }
  for (const pair of pairs) {
    const [name = "", value = ""] = pair.split(/=(.*)/s, 2).map((text) =>
      decode(text.replaceAll("+", " "))
    );
    if (name === "" || query.has(name)) {
      throw new S3Error(
        "InvalidArgument",
        `The parameter "${name}" is given twice, or has no name.`,
      );
    }
    query.set(name, value);
  }
  return query;
}

function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text);
    // Postgres has no such texts.
    if (decoded.includes("\0")) throw new Error("it has a zero");
    return decoded;
  } catch (cause) {
    throw new S3Error("InvalidURI", "The URL has escapes that spell no text.", { cause });
  }
}
