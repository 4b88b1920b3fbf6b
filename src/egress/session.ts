/**
 * One instance's way out: whose it is, where it may go, what it has open. It ends with the instance,
 * and everything it has open ends with it.
 */
import { type IpAddress, parseIpAddress } from "../base/ip-address.ts";
import type { EgressClient, EgressPass } from "../functions/egress.ts";
import { qualifiedName } from "../functions/function.ts";
import { connectToAny } from "./connect.ts";
import type { Lookups } from "./lookups.ts";
import type { Traffic } from "./traffic.ts";
import { EgressPolicy, type Surroundings } from "./policy.ts";
import { Refusal } from "./refusal.ts";
import type { Target } from "./target.ts";
import { UpstreamPool } from "./upstream-pool.ts";

export interface SessionParts {
  readonly port: number;
  readonly token: string;
  readonly client: EgressClient;
  readonly traffic: Traffic;
  readonly surroundings: Surroundings;
  readonly lookups: Lookups;
  readonly maxConnections: number;
  readonly onEnd: () => void;
}

/** Each sentence is told once in a while: a loop that runs into a rule must not fill the log. */
const TELL_AGAIN_MS = 60_000;
const MAX_TOLD = 20;

interface Ending {
  close(): void;
}

export class EgressSession implements EgressPass {
  readonly port: number;
  readonly token: string;
  readonly traffic: Traffic;
  readonly pool = new UpstreamPool();
  readonly #parts: SessionParts;
  readonly #policy: EgressPolicy;
  readonly #functionName: string;
  readonly #connections = new Set<Ending>();
  readonly #ended = new AbortController();
  readonly #told = new Map<string, number>();

  constructor(parts: SessionParts) {
    this.port = parts.port;
    this.token = parts.token;
    this.traffic = parts.traffic;
    this.#parts = parts;
    this.#functionName = qualifiedName(parts.client.version);
    this.#policy = new EgressPolicy(parts.client.version.options, parts.surroundings);
  }

  get isOver(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Counts the connection as the instance's. Throws a `Refusal` beyond the limit. */
  join(connection: Ending): void {
    if (this.#connections.size >= this.#parts.maxConnections) {
      const limit = this.#parts.maxConnections;
      throw new Refusal("too_many", `this instance has its ${limit} connections open already`);
    }
    this.#connections.add(connection);
  }

  leave(connection: Ending): void {
    this.#connections.delete(connection);
  }

  /** Looks the name up, judges every address, and connects to one it has judged. Throws `Refusal`. */
  async connect(target: Target): Promise<Deno.TcpConn> {
    const allowed = await this.#allowedAddresses(target);
    const connection = await connectToAny(allowed, target.port, this.#ended.signal);
    connection.setNoDelay(true);
    return connection;
  }

  [Symbol.dispose](): void {
    if (this.isOver) return;
    this.#ended.abort();
    for (const connection of this.#connections) connection.close();
    this.pool.close();
    this.#parts.onEnd();
  }

  async #allowedAddresses(target: Target): Promise<IpAddress[]> {
    const { name, address } = target;
    const refusal = this.#policy.refusalOfName(target);
    if (refusal !== undefined) throw this.#refused(target, refusal);
    const addresses = address === null ? await this.#lookUp(name ?? "") : [address];
    const allowed: IpAddress[] = [];
    let reason = "";
    for (const candidate of addresses) {
      const refusal = this.#policy.refusalOfAddress(target, candidate);
      if (refusal === undefined) allowed.push(candidate);
      else reason ||= refusal;
    }
    if (allowed.length === 0) throw this.#refused(target, reason);
    return allowed;
  }

  async #lookUp(name: string): Promise<IpAddress[]> {
    const texts = await this.#parts.lookups.resolve(name, this.#functionName);
    // Addresses with a zone, `fe80::1%eth0`, are nobody's business here.
    const addresses = texts.map(parseIpAddress).filter((address) => address !== undefined);
    if (addresses.length === 0) {
      throw new Refusal("name_not_found", `the name ${name} has no address`);
    }
    return addresses;
  }

  #refused({ name, address, port }: Target, reason: string): Refusal {
    this.traffic.refused++;
    const host = name ?? address?.text ?? "";
    this.#tell(`A connection to ${host}, port ${port}, is not allowed: ${reason}`);
    return new Refusal("not_allowed", reason);
  }

  #tell(sentence: string): void {
    const now = performance.now();
    if (now - (this.#told.get(sentence) ?? -Infinity) < TELL_AGAIN_MS) return;
    if (this.#told.size >= MAX_TOLD) {
      for (const [told, at] of this.#told) {
        if (now - at >= TELL_AGAIN_MS) this.#told.delete(told);
      }
      if (this.#told.size >= MAX_TOLD) return;
    }
    this.#told.set(sentence, now);
    this.#parts.client.onRefused(sentence);
  }
}
