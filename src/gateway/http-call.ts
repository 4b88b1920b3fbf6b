/** One HTTP request to a function, as the runtime sees it. */
import type { OrlaError } from "../base/errors.ts";
import type { Caller, HeaderList, HttpCall } from "../functions/call.ts";
import type { RequestBody } from "./request-body.ts";

/**
 * A class for its lazy signal: a call whose `signal` nobody reads costs no `AbortController`, and one
 * whose client stays needs no look at Deno's expensive `request.signal`.
 */
export class InboundCall implements HttpCall {
  readonly kind = "http";
  readonly trigger = "http";
  constructor(
    readonly executionId: string,
    readonly caller: Caller,
    readonly arrivedAt: number,
    readonly method: string,
    readonly url: string,
    readonly headers: HeaderList,
    readonly body: RequestBody,
    private readonly abort: LazyAbort,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }
}

/** An `AbortController` made when somebody asks for its signal. */
export class LazyAbort {
  readonly request: Request;
  #controller: AbortController | undefined;
  #reason: OrlaError | undefined;

  /** The request whose client may go away. */
  constructor(request: Request) {
    this.request = request;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: OrlaError): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }
}
