/** The one place where an error becomes an HTTP response: `{"error", "code"}` and what belongs to it. */
import { errorMeanings, OrlaError, toOrlaError } from "../base/errors.ts";
import type { HeaderList } from "../functions/call.ts";
import { appendHeaders } from "./header-list.ts";

export interface ErrorAudience {
  /** The caller holds the service key, and may see stacks and the causes of our own mistakes. */
  readonly service: boolean;
  /** Names the request, for whoever searches the logs. */
  readonly requestId: string;
}

/** When nothing is known about how long an overload lasts. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;

export function errorResponse(
  thrown: unknown,
  audience: ErrorAudience,
  headers: HeaderList = [],
): Response {
  const error = toOrlaError(thrown);
  const response = new Response(JSON.stringify(errorBody(error, audience)), {
    status: error.status,
  });
  const out = response.headers;
  out.set("content-type", "application/json");
  out.append("x-request-id", audience.requestId);
  if (error.code === "unauthorized") out.append("www-authenticate", "Bearer");
  const retryAfter = retryAfterSeconds(error);
  if (retryAfter !== undefined) out.append("retry-after", String(retryAfter));
  appendHeaders(out, headers);
  return response;
}

interface ErrorBody {
  readonly error: string;
  readonly code: string;
  readonly hint?: string;
  readonly detail?: string;
  readonly position?: number;
}

function errorBody(error: OrlaError, audience: ErrorAudience): ErrorBody {
  const ours = error.code === "internal";
  const detail = ours ? (error.stack ?? error.message) : error.detail;
  return {
    // The message of a mistake of ours may quote anything: a query, a path, a connection string.
    error: ours && !audience.service
      ? `Something went wrong inside Orla. The log has it under request ${audience.requestId}.`
      : error.message,
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(detail === undefined || !audience.service ? {} : { detail }),
    ...(error.position === undefined ? {} : { position: error.position }),
  };
}

function retryAfterSeconds(error: OrlaError): number | undefined {
  if (error.retryAfterSeconds !== undefined) return Math.max(1, Math.ceil(error.retryAfterSeconds));
  const { status } = errorMeanings[error.code];
  return status === 503 || status === 429 ? DEFAULT_RETRY_AFTER_SECONDS : undefined;
}
