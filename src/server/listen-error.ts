/** Says which setting to change when a port cannot be had. */
import { OrlaError } from "../base/errors.ts";

export interface Listening {
  readonly what: "HTTP" | "SQL";
  readonly host: string;
  readonly port: number;
}

/** Runs what listens; its failure to do so becomes one sentence. */
export async function listening<T>(place: Listening, start: () => T | Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (cause) {
    // Some parts wrap the system's error in one of their own.
    const original = cause instanceof OrlaError ? cause.cause : cause;
    throw explained(place, original) ?? cause;
  }
}

function explained({ what, host, port }: Listening, cause: unknown): OrlaError | null {
  const variable = `ORLA_${what}_PORT`;
  if (cause instanceof Deno.errors.AddrInUse) {
    return new OrlaError("unavailable", `port ${port} for ${what} is in use on ${host}`, {
      cause,
      hint: `Stop what listens there, or set ${variable} (0 picks a free port).`,
    });
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new OrlaError("unavailable", `this user may not listen on port ${port} (${what})`, {
      cause,
      hint: `Ports below 1024 need rights; set ${variable} to a higher one.`,
    });
  }
  const isAddress = cause instanceof Deno.errors.AddrNotAvailable ||
    (cause instanceof Error && /lookup address|not known|resolve/i.test(cause.message));
  if (isAddress) {
    return new OrlaError("unavailable", `${host} is not an address of this machine`, {
      cause,
      hint: "Set ORLA_HOST to 127.0.0.1, to 0.0.0.0, or to an address this machine has.",
    });
  }
  return null;
}
