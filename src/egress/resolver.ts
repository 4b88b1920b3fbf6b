/** From names to addresses. */
import { lookup } from "node:dns/promises";
import { isLocalhost } from "./policy.ts";

export interface Resolver {
  /** Addresses as text, in the order to try them; none when the name has none. */
  resolve(name: string): Promise<readonly string[]>;
}

/** The system's own way, with /etc/hosts: names that the machine knows are names for `ALLOW_NET`. */
export const systemResolver: Resolver = {
  async resolve(name) {
    if (isLocalhost(name)) return ["127.0.0.1", "::1"];
    try {
      return (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);
    } catch {
      return [];
    }
  },
};
