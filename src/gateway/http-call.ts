/** One HTTP request to a function, as the runtime sees it. */
import { Cancellation } from "../functions/cancellation.ts";
import type { Caller, HeaderList, HttpCall } from "../functions/call.ts";

/** A class, as one shape of object is cheaper for the engine than literals spread together. */
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
    readonly body: HttpCall["body"],
    readonly cancellation: ClientPresence,
    readonly cause: HttpCall["cause"] = undefined,
    readonly params: HttpCall["params"] = undefined,
    readonly user: HttpCall["user"] = undefined,
  ) {}
}

/** Cancelled when the request's client goes away, or the gateway must end the request. */
export class ClientPresence extends Cancellation {
  /** Its `signal` is only looked at late: see `client-watch.ts`. */
  readonly request: Request;

  constructor(request: Request) {
    super();
    this.request = request;
  }
}
