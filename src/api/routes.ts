/** All routes of the REST API, and the document that describes them. */
import type { FunctionDirectory, Invoker } from "../functions/call.ts";
import { functionRoutes } from "../gateway/function-routes.ts";
import { createPayloadCaller } from "../gateway/payload-call.ts";
import type { Route } from "../gateway/route.ts";
import { createRouteTable, type RouteTable } from "../gateway/route-table.ts";
import { type HealthDeps, healthRoutes } from "./health.ts";
import { hookRoutes, type Hooks } from "./hooks.ts";
import { invokeRoutes } from "./invoke.ts";
import { queueRoutes, type Queues } from "./queues.ts";
import { openApiRoute } from "./openapi.ts";

export interface ApiDeps extends HealthDeps {
  readonly directory: FunctionDirectory;
  readonly invoker: Invoker;
  readonly hooks: Hooks;
  readonly queues: Queues;
  /** As storage.ts makes them. */
  readonly storage: readonly Route[];
  /** Orla's own. */
  readonly version: string;
}

export function apiRoutes(deps: ApiDeps): RouteTable {
  const routes = [
    ...invokeRoutes(createPayloadCaller(deps)),
    ...hookRoutes(deps.hooks),
    ...queueRoutes(deps.queues),
    ...deps.storage,
    ...healthRoutes(deps),
  ];
  return createRouteTable([...routes, openApiRoute([...functionRoutes, ...routes], deps.version)]);
}
