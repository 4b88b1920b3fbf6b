/**
 * Every error Orla hands to a caller, with its meaning and how each edge shows it.
 *
 * `code` is stable: clients match on it. The HTTP status, the SQLSTATE and whether a retry can help
 * are properties of the code, so that no edge invents its own mapping.
 */

interface ErrorMeaning {
  readonly status: number;
  /** PostgreSQL error code (Appendix A of its manual). */
  readonly sqlState: string;
  /** Whose fault: the caller's, the function's own, or ours. */
  readonly fault: "caller" | "function" | "platform";
  /** The same call may succeed later, unchanged. */
  readonly retryable: boolean;
}

const meaning = (
  status: number,
  sqlState: string,
  fault: ErrorMeaning["fault"],
  retryable = false,
): ErrorMeaning => ({ status, sqlState, fault, retryable });

export const errorMeanings = {
  /** The request cannot be understood: malformed JSON, an impossible header, a bad value. */
  invalid_request: meaning(400, "22023", "caller"),
  /** The statement is not in the edge dialect. */
  syntax_error: meaning(400, "42601", "caller"),
  /** An option's name, type, range or unit is wrong. */
  invalid_option: meaning(400, "22023", "caller"),
  /** Understood, but this release does not do it. Never silently ignored. */
  not_supported: meaning(400, "0A000", "caller"),
  /** The function's own source does not parse or cannot be compiled. */
  invalid_code: meaning(400, "42601", "caller"),
  /** No key, or one that is not ours. */
  unauthorized: meaning(401, "28000", "caller"),
  /** A valid key without the right to do this. */
  forbidden: meaning(403, "42501", "caller"),
  /** Nothing has this path. */
  not_found: meaning(404, "42704", "caller"),
  /** No function has this name. */
  function_not_found: meaning(404, "42883", "caller"),
  /** The path exists, but not for this method. */
  method_not_allowed: meaning(405, "0A000", "caller"),
  /** A function of this name exists already. */
  function_exists: meaning(409, "42723", "caller"),
  /** The function exists and is switched off. */
  function_disabled: meaning(403, "55000", "caller"),
  /** The request's body is larger than allowed. */
  payload_too_large: meaning(413, "54000", "caller"),
  /** The request's URL is longer than allowed. */
  url_too_long: meaning(414, "54000", "caller"),
  /** The request's headers are larger, or more, than allowed. */
  headers_too_large: meaning(431, "54000", "caller"),
  /** The client stopped sending the request's body before its end. */
  request_timeout: meaning(408, "57014", "caller", true),
  /** Too many calls in the window. */
  rate_limited: meaning(429, "53400", "caller", true),
  /** The caller went away; nobody sees this one but the execution's record. */
  cancelled: meaning(499, "57014", "caller"),
  /** The function threw, or returned what cannot be sent. */
  function_error: meaning(500, "38000", "function"),
  /** The function's result does not fit the type it declares. */
  invalid_result: meaning(500, "22023", "function"),
  /** The function grew past its MEMORY. */
  memory_limit_exceeded: meaning(500, "53200", "function"),
  /** One call used more processor time than CPU_TIME. */
  cpu_limit_exceeded: meaning(500, "54000", "function"),
  /** The response or result grew past MAX_RESPONSE_SIZE. */
  response_too_large: meaning(500, "54000", "function"),
  /** The function asked the network for what it may not reach. */
  network_denied: meaning(500, "42501", "function"),
  /** A frame, the host calls or another count of the function's grew past its limit. */
  limit_exceeded: meaning(500, "54000", "function"),
  /** The process that ran the call died under it. */
  instance_crashed: meaning(502, "38000", "function", true),
  /** No instance came free in time. */
  overloaded: meaning(503, "53300", "platform", true),
  /** This node is stopping, or its database is away. */
  unavailable: meaning(503, "57P03", "platform", true),
  /** The function did not finish within its TIMEOUT. */
  timeout: meaning(504, "57014", "function"),
  /** A mistake of ours. */
  internal: meaning(500, "XX000", "platform"),
} as const satisfies Record<string, ErrorMeaning>;

export type ErrorCode = keyof typeof errorMeanings;

export interface OrlaErrorOptions {
  readonly cause?: unknown;
  /** What the reader can do about it. SQL shows it as HINT. */
  readonly hint?: string;
  /** More of what happened, such as the function's stack. SQL shows it as DETAIL. */
  readonly detail?: string;
  /** 0-based offset, in UTF-16 code units, of the offending token in the text the caller sent. */
  readonly position?: number;
  /** Overrides the code's own SQLSTATE. */
  readonly sqlState?: string;
  /** What the function that threw would have a statement fail with, where a trigger called it. */
  readonly chosenSqlState?: string | undefined;
  /** Seconds after which a retry makes sense, for `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

export class OrlaError extends Error {
  override readonly name = "OrlaError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly detail: string | undefined;
  readonly position: number | undefined;
  readonly sqlState: string;
  readonly chosenSqlState: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: OrlaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.detail = options.detail;
    this.position = options.position;
    this.sqlState = options.sqlState ?? errorMeanings[code].sqlState;
    this.chosenSqlState = options.chosenSqlState;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return errorMeanings[this.code].status;
  }

  get retryable(): boolean {
    return errorMeanings[this.code].retryable;
  }
}

/** What was thrown, as an {@link OrlaError}; anything unexpected becomes `internal`. */
export function toOrlaError(thrown: unknown): OrlaError {
  if (thrown instanceof OrlaError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new OrlaError("internal", message, { cause: thrown });
}
