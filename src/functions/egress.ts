/**
 * The way out: everything a function sends into the network passes one proxy of the node's.
 * Implemented by `egress/`, used by `runtime/`, which knows of it no more than this.
 */
import type { FunctionVersion } from "./function.ts";

export interface EgressGate {
  /** TCP port on 127.0.0.1, the only one an instance may connect to. */
  readonly port: number;
  /** Lets one instance out, by its version's rules. */
  admit(client: EgressClient): EgressPass;
}

export interface EgressClient {
  readonly version: FunctionVersion;
  /** For the function's log: a sentence on what it was refused. Few of many alike are told. */
  readonly onRefused: (sentence: string) => void;
}

/** Disposing it ends the instance's connections, and its token is worth nothing. */
export interface EgressPass extends Disposable {
  readonly port: number;
  /** Letters, digits, `-` and `_` only. */
  readonly token: string;
}
