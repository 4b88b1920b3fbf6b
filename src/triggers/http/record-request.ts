/** Requests for the record: without what proves who sent them, and without what REDACT names. */
import type { HttpCall } from "../../functions/call.ts";
import {
  recordBody,
  type RecordedBody,
  type RecordedRequest,
} from "../../functions/recorded-request.ts";
import { REDACTED, redacted } from "../payload-capture.ts";

/** Credentials, and a length that may not be the record's. */
const leftOut = new Set(["authorization", "content-length", "cookie", "proxy-authorization"]);

/** `null` for one whose body is still on its way. */
export function recordRequest(call: HttpCall, redact: readonly string[]): RecordedRequest | null {
  const { method, body, params = {}, user = null } = call;
  if (body instanceof ReadableStream) return null;
  const keys = new Set(redact);
  const headers: Record<string, string> = {};
  for (let i = 0; i < call.headers.length; i += 2) {
    const [name, value] = [call.headers[i]!.toLowerCase(), call.headers[i + 1]!]; // pairs
    if (leftOut.has(name)) continue;
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return {
    method,
    url: redactedQuery(call.url, keys),
    headers: redacted(headers, keys) as Record<string, string>, // of text, as before
    body: body === null
      ? null
      : redactedBody(recordBody(body), headers["content-type"] ?? "", keys),
    params: redacted(params, keys) as Record<string, string>,
    user: redacted(user, keys) as HttpCall["user"] ?? null, // its values are text
  };
}

function redactedQuery(url: string, keys: ReadonlySet<string>): string {
  if (keys.size === 0 || !url.includes("?")) return url;
  const parsed = new URL(url);
  redactFields(parsed.searchParams, keys);
  return parsed.href;
}

function redactFields(fields: URLSearchParams, keys: ReadonlySet<string>): void {
  for (const key of keys) if (fields.has(key)) fields.set(key, REDACTED);
}

/** A body that REDACT cannot look into is left out whole. */
function redactedBody(
  body: RecordedBody,
  contentType: string,
  keys: ReadonlySet<string>,
): RecordedBody {
  if (keys.size === 0 || body === null) return body;
  if (!("text" in body)) return { text: REDACTED };
  try {
    return { text: JSON.stringify(redacted(JSON.parse(body.text), keys)) };
  } catch {
    // `curl -d` calls everything a form, so a form is only what is no JSON.
    if (!/^application\/x-www-form-urlencoded\b/i.test(contentType)) return { text: REDACTED };
    const fields = new URLSearchParams(body.text);
    redactFields(fields, keys);
    return { text: fields.toString() };
  }
}
