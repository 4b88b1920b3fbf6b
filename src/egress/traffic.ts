/** What functions have sent and received, by their names. It only ever grows. */

export interface Traffic {
  /** HTTP requests that hosts have answered. */
  requests: number;
  /** Tunnels it has opened. */
  tunnels: number;
  bytesSent: number;
  bytesReceived: number;
  refused: number;
}

export class TrafficTable {
  readonly #byFunction = new Map<string, Traffic>();

  of(functionName: string): Traffic {
    let traffic = this.#byFunction.get(functionName);
    if (traffic === undefined) {
      traffic = { requests: 0, tunnels: 0, bytesSent: 0, bytesReceived: 0, refused: 0 };
      this.#byFunction.set(functionName, traffic);
    }
    return traffic;
  }

  /** The function is gone, and its series with it. */
  forget(functionName: string): void {
    this.#byFunction.delete(functionName);
  }

  all(): Iterable<readonly [functionName: string, traffic: Readonly<Traffic>]> {
    return this.#byFunction;
  }
}
