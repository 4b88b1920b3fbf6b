/**
 * The `signal` of a request that came with a call is the call's. It is made when it is asked for,
 * which few functions do; a property of each request's own would cost each of them 0.7 µs.
 */
import { uncurryThis } from "../../protocol/primordials.ts";
import { Returned } from "./returned.ts";

interface HasSignal {
  readonly signal: AbortSignal;
}

class Linked extends Returned {
  readonly #call: HasSignal;

  constructor(request: Request, call: HasSignal) {
    super(request);
    this.#call = call;
  }

  static callOf(request: Request): HasSignal | undefined {
    return #call in request ? request.#call : undefined;
  }
}

const callOf = Linked.callOf;

export function linkRequest(request: Request, call: HasSignal): void {
  new Linked(request, call);
}

export function installRequestSignal(): void {
  const { prototype } = Request;
  const original = uncurryThis(
    Object.getOwnPropertyDescriptor(prototype, "signal")?.get as (this: Request) => AbortSignal,
  );
  const { get } = Object.getOwnPropertyDescriptor({
    get signal(): AbortSignal {
      // Whatever it is asked of: the original says what is wrong.
      const request = this as unknown as Request;
      const isObject = typeof request === "object" && request !== null;
      return (isObject ? callOf(request)?.signal : undefined) ?? original(request);
    },
  }, "signal") as PropertyDescriptor; // it is there
  Object.defineProperty(prototype, "signal", { get: get as () => AbortSignal });
}
