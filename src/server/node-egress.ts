/** The egress proxy of a node, and which of the node's own ports it keeps functions from. */
import { isAbsolute } from "node:path";
import { parseIpAddress } from "../base/ip-address.ts";
import { EgressProxy, type EgressProxyOptions } from "../egress/egress-proxy.ts";
import type { Endpoint } from "../egress/machine.ts";
import { LOOPBACK, plainPlaceOf } from "../egress/policy.ts";
import { type Resolver, systemResolver } from "../egress/resolver.ts";
import type { Metrics } from "../observability/metrics.ts";

/** A managed database changes its address when it fails over. */
const LOOK_AGAIN_MS = 60_000;

function isLoopback(text: string): boolean {
  const address = parseIpAddress(text);
  return address !== undefined && plainPlaceOf(address) === LOOPBACK;
}

export class NodeEgress implements AsyncDisposable {
  readonly proxy: EgressProxy;
  readonly #resolver: Resolver;
  #here: readonly Endpoint[] = [];
  #database: readonly Endpoint[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: Omit<EgressProxyOptions, "platform"> = {}) {
    this.#resolver = options.resolver ?? systemResolver;
    this.proxy = new EgressProxy({
      ...options,
      platform: () => [...this.#here, ...this.#database],
    });
  }

  /** Ports of this machine where the platform listens. */
  protectPorts(ports: readonly number[]): void {
    this.#here = [...this.#here, ...ports.map((port) => ({ host: null, port }))];
  }

  /** By all the addresses that its name has, now and later. */
  async protectDatabase(host: string, port: number): Promise<void> {
    if (isAbsolute(host)) return;
    const look = async () => {
      const isAddress = parseIpAddress(host) !== undefined;
      const addresses = isAddress ? [host] : await this.#resolver.resolve(host);
      // A name server that is away takes nothing back.
      if (addresses.length === 0) return;
      this.#database = addresses.map((text) => ({ host: isLoopback(text) ? null : text, port }));
    };
    await look();
    this.#timer = setInterval(look, LOOK_AGAIN_MS);
  }

  showIn(metrics: Metrics): void {
    const traffic = () => [...this.proxy.traffic()];
    metrics.watch({
      type: "counter",
      name: "orla_egress_requests_total",
      help: "HTTP requests and tunnels of functions that the egress proxy has let out.",
      labelNames: ["function", "kind"],
      read: () =>
        traffic().flatMap(([name, { requests, tunnels }]) => [
          { labels: { function: name, kind: "http" }, value: requests },
          { labels: { function: name, kind: "tunnel" }, value: tunnels },
        ]),
    });
    metrics.watch({
      type: "counter",
      name: "orla_egress_bytes_total",
      help: "Bytes that functions have sent to hosts and received from them.",
      labelNames: ["function", "direction"],
      read: () =>
        traffic().flatMap(([name, { bytesSent, bytesReceived }]) => [
          { labels: { function: name, direction: "sent" }, value: bytesSent },
          { labels: { function: name, direction: "received" }, value: bytesReceived },
        ]),
    });
    metrics.watch({
      type: "counter",
      name: "orla_egress_refused_total",
      help: "Connections of functions that a rule or the kind of address forbade.",
      labelNames: ["function"],
      read: () =>
        traffic().map(([name, { refused }]) => ({ labels: { function: name }, value: refused })),
    });
    metrics.watch({
      type: "gauge",
      name: "orla_egress_connections",
      help: "Connections of instances to the egress proxy.",
      labelNames: [],
      read: () => [{ labels: {}, value: this.proxy.connections.all }],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.proxy[Symbol.asyncDispose]();
  }
}
