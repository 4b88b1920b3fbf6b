/** Connects to the first of several addresses that answers (RFC 8305, in small). */
import type { IpAddress } from "../base/ip-address.ts";
import { Refusal } from "./refusal.ts";

/** A server that needs longer is down; functions wait for this. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Before the next address is tried beside one that has not answered. */
const STAGGER_MS = 250;

/** Throws a `Refusal`. `signal` gives up. */
export async function connectToAny(
  addresses: readonly IpAddress[],
  port: number,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  const over = new AbortController();
  const giveUp = () => over.abort();
  if (signal.aborted) throw new Refusal("connect_failed", "the instance is gone");
  signal.addEventListener("abort", giveUp);
  const timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS);
  try {
    return await race(addresses, port, over);
  } catch (error) {
    if (over.signal.aborted) {
      throw new Refusal("connect_timeout", "the host did not answer in time");
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refusal("connect_failed", `nothing answers on port ${port}: ${reason}`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
    over.abort();
  }
}

function race(
  addresses: readonly IpAddress[],
  port: number,
  over: AbortController,
): Promise<Deno.TcpConn> {
  const won = Promise.withResolvers<Deno.TcpConn>();
  let [next, open, isWon] = [0, 0, false];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tryNext = () => {
    clearTimeout(timer);
    const address = addresses[next++];
    if (address === undefined || isWon || over.signal.aborted) return;
    open++;
    if (next < addresses.length) timer = setTimeout(tryNext, STAGGER_MS);
    Deno.connect({ hostname: address.text, port, signal: over.signal }).then((connection) => {
      if (isWon || over.signal.aborted) return connection.close();
      isWon = true;
      won.resolve(connection);
    }, (error) => {
      if (--open === 0 && next >= addresses.length) won.reject(error);
      tryNext();
    });
  };
  over.signal.addEventListener("abort", () => {
    clearTimeout(timer);
    won.reject(new Error("given up"));
  });
  tryNext();
  return won.promise;
}
