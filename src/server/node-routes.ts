/** What a node tells about itself to load balancers and monitoring. */
import { OrlaError } from "../base/errors.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Route } from "../gateway/route.ts";

export interface NodeRouteDeps {
  readonly metrics: Metrics;
  /** Whether /metrics needs the service key. */
  readonly metricsNeedKey: boolean;
  /** Why the node cannot do its work at this moment; `null` when it can. */
  readonly notReady: () => string | null;
}

export function nodeRoutes({ metrics, metricsNeedKey, notReady }: NodeRouteDeps): Route[] {
  return [
    {
      method: "GET",
      path: "/healthz",
      access: "open",
      operation: {
        operationId: "getHealth",
        summary: "Whether the process lives",
        tags: ["node"],
        responses: { "200": { description: "It answers." } },
      },
      handle: () => Response.json({ status: "ok" }, { headers: NO_STORE }),
    },
    {
      method: "GET",
      path: "/readyz",
      access: "open",
      operation: {
        operationId: "getReadiness",
        summary: "Whether the node can run functions now",
        tags: ["node"],
        responses: {
          "200": { description: "It can." },
          "503": { description: "It cannot at the moment; the error says why." },
        },
      },
      handle: () => {
        const reason = notReady();
        if (reason === null) return Response.json({ status: "ready" }, { headers: NO_STORE });
        throw new OrlaError("unavailable", reason, { retryAfterSeconds: 1 });
      },
    },
    {
      method: "GET",
      path: "/metrics",
      access: metricsNeedKey ? "service" : "open",
      operation: {
        operationId: "getMetrics",
        summary: "This node's metrics, in Prometheus' text format",
        tags: ["node"],
        responses: { "200": { description: "The metrics.", content: { "text/plain": {} } } },
      },
      handle: async () =>
        new Response(await metrics.text(), {
          headers: { "content-type": metrics.contentType, ...NO_STORE },
        }),
    },
  ];
}

const NO_STORE = { "cache-control": "no-store" };
