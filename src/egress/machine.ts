/** The network this node is in, for the policy. */
import { type IpAddress, parseIpAddress } from "../base/ip-address.ts";
import { formsOf, LOOPBACK, plainPlaceOf, type Surroundings, UNSPECIFIED } from "./policy.ts";

export interface Endpoint {
  /** An address; `null` for this machine by any of its own. */
  readonly host: string | null;
  readonly port: number;
}

export interface MachineOptions {
  readonly proxyPort: number;
  /** Where the platform and its database listen. */
  readonly platform: () => readonly Endpoint[];
}

/** Addresses come and go: containers, VPNs. Asking takes 0.1 ms. */
const ADDRESSES_VALID_MS = 5_000;

const OWN = "this machine's own address";

export class Machine implements Surroundings {
  readonly #options: MachineOptions;
  #own = new Set<string>();
  #askedAt = -Infinity;

  constructor(options: MachineOptions) {
    this.#options = options;
  }

  placeOf(address: IpAddress): string | undefined {
    return plainPlaceOf(address) ?? (this.#isOwn(address) ? OWN : undefined);
  }

  isPlatform(address: IpAddress, port: number): boolean {
    return this.#options.platform().some((endpoint) => {
      if (endpoint.port !== port) return false;
      if (endpoint.host === null) return this.#isHere(address);
      return formsOf(address).some(({ text }) => text === endpoint.host);
    });
  }

  isProxy(address: IpAddress, port: number): boolean {
    return port === this.#options.proxyPort && this.#isHere(address);
  }

  #isHere(address: IpAddress): boolean {
    const place = plainPlaceOf(address);
    return place === LOOPBACK || place === UNSPECIFIED ||
      this.#isOwn(address);
  }

  #isOwn(address: IpAddress): boolean {
    const now = performance.now();
    if (now - this.#askedAt > ADDRESSES_VALID_MS) {
      this.#askedAt = now;
      const interfaces = Deno.networkInterfaces();
      this.#own = new Set(interfaces.map(({ address }) => parseIpAddress(address)?.text ?? ""));
    }
    return formsOf(address).some(({ text }) => this.#own.has(text));
  }
}
