/** Where Postgres finds this node when SQL calls a function. */
import { join } from "node:path";
import type { CallbackAddress } from "../sqlgateway/callback.ts";
import type { Account } from "./account.ts";

export interface CallbackPlace {
  readonly listen: CallbackAddress;
  /** As libpq wants it: an address, or the absolute directory of the socket. */
  readonly host: string;
  /** The number in a socket's name; `null` while TCP has yet to pick one. */
  readonly port: number | null;
}

/** Only names the file `.s.PGSQL.<number>`; nothing listens on TCP. */
const SOCKET_NUMBER = 5432;

/** A unix socket in a directory that only we and our own Postgres can enter. */
export async function besideEmbeddedPostgres(
  runtimeDir: string,
  account: Account | null,
): Promise<CallbackPlace> {
  const directory = join(runtimeDir, "callback");
  await Deno.mkdir(directory, { mode: 0o700 });
  if (account !== null) await Deno.chown(directory, account.uid, account.gid);
  const path = join(directory, `.s.PGSQL.${SOCKET_NUMBER}`);
  return { listen: { path }, host: directory, port: SOCKET_NUMBER };
}

/** TCP, on the address that is announced when this machine has it, else (NAT) on all. */
export function overNetwork(host: string | null, port: number): CallbackPlace {
  const announced = host ?? "127.0.0.1";
  return {
    listen: { host: isOurs(announced) ? announced : "0.0.0.0", port },
    host: announced,
    port: port === 0 ? null : port,
  };
}

function isOurs(address: string): boolean {
  return address.startsWith("127.") || address === "localhost" || address === "::1" ||
    Deno.networkInterfaces().some((each) => each.address === address);
}
