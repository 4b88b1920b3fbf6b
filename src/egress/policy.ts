/**
 * Where one function may connect to. In this order:
 *
 * 1. What a rule of DENY_NET covers is refused, whatever else holds.
 * 2. A bare `*` in DENY_NET refuses all that no rule of ALLOW_NET covers.
 * 3. Addresses that are not public are refused unless ALLOW_NET opens them: a rule on addresses
 *    opens those it covers; a rule on names opens private addresses that such a name resolves to,
 *    but never loopback, link-local or this machine's own public ones, as whoever runs a name's DNS
 *    could point it there. `localhost` is a name for loopback.
 * 4. Ports of the platform itself and of its database need a rule with that very port; the proxy's
 *    own is closed for good.
 */
import type { IpAddress } from "../base/ip-address.ts";
import { carriedV4, specialPlaceOf } from "../base/special-address.ts";
import {
  type Destination,
  type NetRule,
  parseNetRules,
  ruleCoversAddress,
  ruleCoversName,
} from "../functions/net-rule.ts";

/** What the node knows about the network it is in. */
export interface Surroundings {
  /** Why nobody may connect there without a rule, such as "a private address"; for public ones nothing. */
  placeOf(address: IpAddress): string | undefined;
  /** Something of the platform listens there. */
  isPlatform(address: IpAddress, port: number): boolean;
  /** The proxy itself. */
  isProxy(address: IpAddress, port: number): boolean;
}

export interface NetOptions {
  readonly allowNet: readonly string[];
  readonly denyNet: readonly string[];
}

const EVERYTHING = "*";

export class EgressPolicy {
  readonly #allow: readonly NetRule[];
  readonly #deny: readonly NetRule[];
  readonly #deniesByDefault: boolean;
  readonly #surroundings: Surroundings;

  constructor({ allowNet, denyNet }: NetOptions, surroundings: Surroundings) {
    this.#allow = parseNetRules(allowNet);
    const deny = parseNetRules(denyNet);
    this.#deny = deny.filter(({ text }) => text !== EVERYTHING);
    this.#deniesByDefault = deny.length > this.#deny.length;
    this.#surroundings = surroundings;
  }

  /** Why no address of the name would do; a name that is refused is not even looked up. */
  refusalOfName(destination: Destination): string | undefined {
    const denied = this.#deny.find((rule) => ruleCoversName(rule, destination));
    if (denied !== undefined) return deniedBy(denied, destination.name ?? "this port");
    if (!this.#deniesByDefault) return undefined;
    const mayBeAllowed = this.#allow.some((rule) =>
      ruleCoversName(rule, destination) ||
      (rule.match.kind === "network" && (rule.port ?? destination.port) === destination.port)
    );
    return mayBeAllowed ? undefined : notListed(destination.name ?? "it", destination.port);
  }

  /** Why this one may not be connected to. */
  refusalOfAddress(destination: Destination, address: IpAddress): string | undefined {
    const { port } = destination;
    const covers = (rule: NetRule) =>
      formsOf(address).some((form) => ruleCoversAddress(rule, form, port));
    const denied = this.#deny.find(covers);
    if (denied !== undefined) return deniedBy(denied, address.text);
    if (this.#surroundings.isProxy(address, port)) return "it is the way out itself";
    const place = this.#surroundings.placeOf(address);
    const openedBy = this.#allow.filter((rule) =>
      covers(rule) || (ruleCoversName(rule, destination) && nameOpens(rule, place))
    );
    if (openedBy.length === 0 && place !== undefined) return `${address.text} is ${place}`;
    if (openedBy.length === 0 && this.#deniesByDefault) {
      return notListed(destination.name ?? address.text, port);
    }
    const needsPort = this.#surroundings.isPlatform(address, port);
    if (needsPort && !openedBy.some((rule) => rule.port === port)) {
      return `${address.text}:${port} is the platform's own, which only a rule with this port opens`;
    }
    return undefined;
  }
}

function nameOpens({ match }: NetRule, place: string | undefined): boolean {
  if (place === undefined || place === PRIVATE || place === SHARED) return true;
  return place === LOOPBACK && match.kind === "name" && isLocalhost(match.name);
}

/** RFC 6761: never asked of any server. */
export function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

const PRIVATE = "a private address";
const SHARED = "a shared (carrier) address";
export const UNSPECIFIED = "an unspecified address";
export const LOOPBACK = "a loopback address";

/** Also what an address of IPv6 carries: rules on IPv4 networks mean both. */
export function formsOf(address: IpAddress): IpAddress[] {
  const inner = carriedV4(address);
  return inner === undefined ? [address] : [address, inner];
}

export function plainPlaceOf(address: IpAddress): string | undefined {
  const place = specialPlaceOf(address);
  return place && `${place} address`;
}

function deniedBy(rule: NetRule, what: string): string {
  return `DENY_NET forbids ${what} (${rule.text})`;
}

function notListed(what: string, port: number): string {
  return `${what} with port ${port} is not in ALLOW_NET, and DENY_NET forbids everything else`;
}
