/** `/healthz` for "is it alive", `/readyz` for "may it get traffic", `/metrics` for Prometheus. */
import { jsonResponse } from "../gateway/payload-call.ts";
import type { Exchange, Operation, Route } from "../gateway/route.ts";

export interface ReadinessCheck {
  /** `database`, `pool`, `draining`. */
  readonly name: string;
  /** Why the node should get no traffic, or `null` when nothing speaks against it. */
  readonly problem: () => Promise<string | null> | string | null;
}

export interface HealthDeps {
  readonly checks: readonly ReadinessCheck[];
  /** Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /**
   * Metrics tell the names of functions and how they fare, so that by default only the service key
   * reads them: Prometheus sends it with `authorization: { credentials }`.
   */
  readonly metricsAccess: "service" | "open";
}

/** An answer of a minute ago says nothing. */
const NO_STORE = ["cache-control", "no-store"] as const;

/** A probe asks every few seconds; a check that hangs must not pile up. */
const CHECK_TIMEOUT_MS = 2_000;

export function healthRoutes({ checks, metrics, metricsAccess }: HealthDeps): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/healthz",
      access: "open",
      operation: probe("healthz", "Whether the process is alive", "It is."),
      handle: ({ requestId }) =>
        jsonResponse('{"status":"ok"}', [...NO_STORE, "x-request-id", requestId]),
    },
    {
      method: "GET",
      path: "/readyz",
      access: "open",
      operation: {
        ...probe("readyz", "Whether the node may get traffic", "It may."),
        responses: {
          "200": { description: "It may." },
          "503": { description: "It may not; `reasons` says why, by check." },
        },
      },
      handle: (exchange) => ready(exchange, checks),
    },
    {
      method: "GET",
      path: "/metrics",
      access: metricsAccess,
      operation: {
        ...probe("metrics", "Metrics in Prometheus' text format", "The metrics."),
        responses: {
          "200": {
            description: "The metrics.",
            content: { "text/plain": { schema: { type: "string" } } },
          },
        },
      },
      handle: async ({ requestId }) =>
        new Response(await metrics(), {
          headers: {
            "content-type": "text/plain; version=0.0.4; charset=utf-8",
            "x-request-id": requestId,
            "cache-control": "no-store",
          },
        }),
    },
  ];
}

async function ready(
  { requestId }: Exchange,
  checks: readonly ReadinessCheck[],
): Promise<Response> {
  const found = await Promise.all(
    checks.map(async ({ name, problem }) => [name, await problemOf(problem)] as const),
  );
  const reasons = Object.fromEntries(found.filter(([, problem]) => problem !== null));
  if (Object.keys(reasons).length === 0) {
    return jsonResponse('{"status":"ready"}', [...NO_STORE, "x-request-id", requestId]);
  }
  return new Response(
    JSON.stringify({
      error: `This node is not ready: ${Object.values(reasons).join("; ")}`,
      code: "unavailable",
      reasons,
    }),
    {
      status: 503,
      headers: {
        "content-type": "application/json",
        "retry-after": "1",
        "x-request-id": requestId,
        "cache-control": "no-store",
      },
    },
  );
}

async function problemOf(problem: ReadinessCheck["problem"]): Promise<string | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer in ${CHECK_TIMEOUT_MS} ms`), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([problem(), late]);
  } catch {
    // The message may quote a connection string; the log of whoever owns the check has it.
    return "the check failed";
  } finally {
    clearTimeout(timer);
  }
}

function probe(operationId: string, summary: string, description: string): Operation {
  return { operationId, summary, tags: ["health"], responses: { "200": { description } } };
}
