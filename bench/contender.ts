/** What the rows measure: Orla and its peers, seen from outside. */

/** Where one function is called. */
export interface Endpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A running server whose trivial function has answered before. */
export interface WarmContender extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly endpoint: Endpoint;
}

/** A running server that can be given functions it has never run. */
export interface ColdContender extends AsyncDisposable {
  readonly name: string;
  /** Makes `count` functions without calling them. Not part of what is timed. */
  fresh(count: number): Promise<Endpoint[]>;
}

/** What every trivial function answers: the same bytes from each contender. */
export const greeting = "Hello from the edge";
