/**
 * The way into the network: the platform's egress proxy, which `src/egress/egress-proxy.ts`
 * describes. Deno's permissions and, where it can, the kernel let an instance connect to nothing
 * else; what is in this folder only makes the usual interfaces go there. A function that goes around
 * it, or reads its own token, has gained nothing.
 */
import type { Assignment } from "../../protocol/messages.ts";
import { type CallScope, currentCall } from "./call-scope.ts";

interface WayOut {
  readonly port: number;
  /** The value of `Proxy-Authorization`. */
  readonly credentials: string;
}

let wayOut: WayOut | undefined;

export function openWayOut(egress: Assignment["egress"]): void {
  if (egress !== null) wayOut = { port: egress.port, credentials: `Bearer ${egress.token}` };
}

export function theWayOut(): WayOut {
  if (wayOut !== undefined) return wayOut;
  throw new TypeError("The network cannot be reached from here");
}

const { apply } = Reflect;
const { replaceAll, slice, padStart, toLowerCase } = String.prototype;
const { toString: numberToString } = Number.prototype;
const traceparentForm = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
const exec = RegExp.prototype.exec;
const randomValues = crypto.getRandomValues.bind(crypto);
const Words = Uint32Array;

/**
 * What ties requests to the call they are made in: the trace that its own request came with, else
 * one whose id is the execution's. `undefined` outside calls.
 */
export function traceparent(): string | undefined {
  const call = currentCall();
  if (call === undefined) return undefined;
  const trace = incomingTrace(call) ?? apply(replaceAll, call.executionId, ["-", ""]);
  const [high = 0, low = 1] = randomValues(new Words(2));
  return `00-${trace}-${hex(high)}${hex(low)}-01`;
}

function incomingTrace({ head }: CallScope): string | undefined {
  if (head.kind !== "http") return undefined;
  for (let i = 0; i < head.headers.length; i += 2) {
    if (apply(toLowerCase, head.headers[i], []) !== "traceparent") continue;
    return apply(exec, traceparentForm, [head.headers[i + 1]])?.[1];
  }
  return undefined;
}

function hex(word: number): string {
  return apply(padStart, apply(numberToString, word, [16]), [8, "0"]);
}

/** What a refusal of the proxy's says; `undefined` when it does not come from the proxy. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

const { parse } = JSON;

export function readRefusal(code: string, body: string): Refusal {
  try {
    return { code, message: parse(body).error.message };
  } catch {
    return { code, message: apply(slice, body, [0, 200]) };
  }
}
