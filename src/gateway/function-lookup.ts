/**
 * From the name in a URL to the version that runs, for a caller who may call it.
 *
 * A caller without a valid key learns nothing about which functions exist: a name that does not
 * exist answers 401 like one that needs a key.
 */
import { OrlaError } from "../base/errors.ts";
import type { Caller, FunctionDirectory } from "../functions/call.ts";
import type { FunctionVersion } from "../functions/function.ts";
import { requireEnabled } from "../functions/switched-off.ts";
import type { InboundHeaders } from "./inbound-headers.ts";

/** The ways one path can be read, best first: `a/b` is function `a` with rest `/b`, or `b` in `a`. */
export type FunctionNames = readonly { readonly namespace: string; readonly name: string }[];

export const DEFAULT_NAMESPACE = "default";

export const anonymous: Caller = { role: null, service: false };

/**
 * Questions to the database at once for names that memory does not know. Guessing names must not
 * occupy the database's connections.
 */
const MAX_RESOLVING = 16;

/** Whose call it is. Throws unless the caller may call this function now. */
export function authorizeCall(
  version: FunctionVersion | undefined,
  headers: InboundHeaders,
  requested: FunctionNames,
): { readonly version: FunctionVersion; readonly caller: Caller } {
  const caller = headers.caller;
  if (caller === undefined && version?.options.auth !== "none") throw keyNeeded(headers.foreignKey);
  if (version === undefined) throw notFound(requested);
  requireEnabled(version);
  return { version, caller: caller ?? anonymous };
}

export function keyNeeded(foreignKey: boolean): OrlaError {
  return foreignKey
    ? new OrlaError("unauthorized", "The key in this request is not a key of this platform.", {
      hint: "This node's keys stand in orla.state.json in its data directory.",
    })
    : new OrlaError("unauthorized", "This needs an API key.", {
      hint: "Send it as `Authorization: Bearer <key>` or `apikey: <key>`.",
    });
}

export class FunctionLookup {
  readonly #directory: FunctionDirectory;
  readonly #resolving = new Map<string, Promise<FunctionVersion | undefined>>();

  constructor(directory: FunctionDirectory) {
    this.#directory = directory;
  }

  /** From memory, without waiting. */
  find(names: FunctionNames): FunctionVersion | undefined {
    for (const { namespace, name } of names) {
      const version = this.#directory.find(namespace, name);
      if (version !== undefined) return version;
    }
    return undefined;
  }

  /** From the database. Equal questions asked at the same time are asked once. */
  async resolve(names: FunctionNames): Promise<FunctionVersion | undefined> {
    for (const { namespace, name } of names) {
      const version = await this.#resolveOne(namespace, name);
      if (version !== undefined) return version;
    }
    return undefined;
  }

  #resolveOne(namespace: string, name: string): Promise<FunctionVersion | undefined> {
    const key = `${namespace}/${name}`;
    const asked = this.#resolving.get(key);
    if (asked !== undefined) return asked;
    if (this.#resolving.size >= MAX_RESOLVING) {
      throw new OrlaError("overloaded", "Too many unknown functions are being looked up.");
    }
    const answer = this.#directory.resolve(namespace, name)
      .finally(() => this.#resolving.delete(key));
    this.#resolving.set(key, answer);
    return answer;
  }
}

function notFound(requested: FunctionNames): OrlaError {
  const first = requested[0];
  return new OrlaError(
    "function_not_found",
    first === undefined
      ? "The path names no function."
      : `There is no function "${
        first.namespace === DEFAULT_NAMESPACE ? first.name : `${first.namespace}/${first.name}`
      }".`,
    { hint: "LIST EDGE FUNCTIONS shows those that exist." },
  );
}
