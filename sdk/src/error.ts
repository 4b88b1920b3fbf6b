/** The one kind of error that this client's calls reject with, and how answers become one. */

/** Beside those of Orla, which its HTTP documentation lists. */
export type ClientErrorCode =
  /** The call could not be made: a name that is none, a URL that is none. */
  | "invalid_request"
  /** The connection could not be made, or broke off. Whether Orla got the request is unknown. */
  | "no_answer"
  /** The call's `timeoutMs` is over. Whether Orla got the request is unknown. */
  | "no_answer_in_time"
  /** The function answered, with a status that is no success. `body` is what it said. */
  | "function_response"
  /** Somebody answered, but not Orla: a proxy, another server. */
  | "unexpected_answer";

export interface OrlaErrorOptions {
  readonly cause?: unknown;
  readonly status?: number | undefined;
  readonly hint?: string | undefined;
  readonly detail?: string | undefined;
  readonly position?: number | undefined;
  readonly body?: unknown;
  readonly executionId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

export class OrlaError extends Error {
  override readonly name = "OrlaError";
  /** Stable, for programs: one of Orla's own, or a {@link ClientErrorCode}. */
  readonly code: string;
  /** Of the answer; `undefined` when there was none. */
  readonly status: number | undefined;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** More of what happened, such as the function's stack; only for holders of the service key. */
  readonly detail: string | undefined;
  /** Where in what was sent something is wrong, from 0. */
  readonly position: number | undefined;
  /** The whole answer: its JSON, or its text. */
  readonly body: unknown;
  /** The call's record in `system.edge_function_executions`, if a function was called. */
  readonly executionId: string | undefined;
  /** By which Orla's log knows the request. */
  readonly requestId: string | undefined;
  /** When the same call makes sense again. */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, options: OrlaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.hint = options.hint;
    this.detail = options.detail;
    this.position = options.position;
    this.body = options.body;
    this.executionId = options.executionId;
    this.requestId = options.requestId;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** An answer that is no success, as an error. Reads its body. */
export async function errorOf(response: Response, request: string): Promise<OrlaError> {
  const { status, headers } = response;
  const about = {
    status,
    executionId: headers.get("x-orla-execution-id") ?? undefined,
    requestId: headers.get("x-request-id") ?? undefined,
    retryAfterMs: retryAfterMs(headers.get("retry-after")),
  };
  const text = await response.text();
  const body = parsed(text);
  const { error, code, hint, detail, position } = fieldsOf(body);
  if (typeof error === "string" && typeof code === "string") {
    return new OrlaError(code, error, {
      ...{ ...about, body },
      hint: typeof hint === "string" ? hint : undefined,
      detail: typeof detail === "string" ? detail : undefined,
      position: typeof position === "number" ? position : undefined,
    });
  }
  const message = `${request} was answered with ${`${status} ${response.statusText}`.trim()}.`;
  if (about.executionId !== undefined) {
    return new OrlaError("function_response", typeof error === "string" ? error : message, {
      ...about,
      body: body ?? text,
    });
  }
  // The answer to a HEAD has no body.
  return new OrlaError(codesWithoutBody[status] ?? "unexpected_answer", message, about);
}

const codesWithoutBody: Readonly<Record<number, string>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
};

/** `undefined` for what is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** RFC 9110, section 10.2.3: seconds, or a date. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
