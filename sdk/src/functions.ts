/** Calls of functions: with a payload, or with a whole request. */
import { OrlaError } from "./error.ts";
import { functionPath, within } from "./path.ts";
import type { Body, CallOptions, Transport } from "./transport.ts";

export interface InvokeOptions extends CallOptions {
  /**
   * The function may run twice for this call without harm: then the call is sent again when its
   * answer is lost or its instance dies. Otherwise only when Orla says that it did not begin.
   */
  readonly idempotent?: boolean | undefined;
}

/** As for `fetch`; a body that streams is a `ReadableStream`. */
export interface FunctionRequest extends CallOptions {
  readonly method?: string | undefined;
  readonly headers?: RequestInit["headers"];
  readonly body?: Body | null | undefined;
  /**
   * A redirect is the function's answer, and not followed, unless this says so. With a body that
   * streams it is an error: else Node would keep all of the body in memory.
   */
  readonly redirect?: RequestInit["redirect"];
}

export class Functions {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Calls a function with a JSON payload, and resolves with its result. A function that takes values
   * gets the payload; one that takes requests gets a POST with it as body, and its response's body is
   * the result, while a status that is no success rejects with `function_response`. Nothing checks
   * that the result is of the type the caller names.
   *
   * @param name `name`, or `namespace/name`
   */
  async invoke<Result = unknown>(
    name: string,
    payload?: unknown,
    { idempotent = false, ...options }: InvokeOptions = {},
  ): Promise<Result> {
    const call = {
      ...options,
      method: "POST",
      path: functionPath("/functions/v1", name),
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload),
      repeatable: idempotent,
    };
    // The caller knows its function; see above.
    return await this.#transport.read(call, resultOf) as Result;
  }

  /**
   * Calls a function with a request, and resolves with its response, whatever its status: a refusal
   * of Orla's own is a response too. Both bodies may stream. The client never sends it again.
   * `timeoutMs` is for the beginning of the response, `signal` for all of it.
   *
   * @param path behind the function's own, with a query if need be: `/a/b?c=d`
   */
  async fetch(name: string, path = "", init: FunctionRequest = {}): Promise<Response> {
    const { method = "GET", body, headers, redirect, signal, timeoutMs } = init;
    return await this.#transport.answer({
      ...{ method, body: body ?? undefined, signal, timeoutMs },
      path: within(functionPath("/functions/v1", name), path),
      ...headers === undefined ? {} : { headers },
      ...redirect === undefined ? {} : { redirect },
    });
  }
}

/** JSON, or text; nothing is `null`. */
async function resultOf(response: Response): Promise<unknown> {
  const type = response.headers.get("content-type") ?? "";
  if (/^(text\/|$)/i.test(type)) return await response.text() || null;
  const { status } = response;
  if (!/^application\/([^;]+\+)?json\b/i.test(type)) {
    await response.body?.cancel();
    throw new OrlaError("unexpected_answer", `The function answered with ${type}, not with JSON.`, {
      ...{ status, hint: "functions.fetch gives the response as it is." },
    });
  }
  const text = await response.text();
  try {
    return text === "" ? null : JSON.parse(text);
  } catch (cause) {
    throw new OrlaError("unexpected_answer", "The function's answer is not the JSON it claims.", {
      ...{ cause, status },
    });
  }
}
