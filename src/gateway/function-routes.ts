/** How OpenAPI describes calling a function by HTTP; `function-calls.ts` serves it. */
import { FUNCTIONS_PREFIX } from "./function-path.ts";
import type { Method, RouteDescription } from "./route.ts";

const methods: readonly Method[] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

const places = [
  { path: `${FUNCTIONS_PREFIX}{name}`, id: "", where: "a function in namespace `default`" },
  {
    path: `${FUNCTIONS_PREFIX}{namespace}/{name}`,
    id: "InNamespace",
    where: "a function in another namespace",
  },
] as const;

export const functionRoutes: readonly RouteDescription[] = places.flatMap(({ path, id, where }) =>
  methods.map((method): RouteDescription => ({
    method,
    path,
    access: "function",
    operation: {
      operationId: `call${id}${method[0]}${method.slice(1).toLowerCase()}`,
      summary: `Call ${where} with this request`,
      description:
        "The function gets the request as it came: the whole URL with everything after " +
        "its name, the headers except hop-by-hop ones and keys of this platform, and the body. " +
        "Its response is passed on, with `x-orla-execution-id` and `server-timing` added. Any " +
        "other method works too, except CONNECT, TRACE and TRACK. A request that asks for a " +
        "WebSocket is upgraded when the function accepts it.",
      tags: ["functions"],
      ...(method === "GET" || method === "HEAD" || method === "OPTIONS" ? {} : {
        requestBody: { content: { "*/*": { schema: { description: "Anything." } } } },
      }),
      responses: { default: { description: "Whatever the function answers." } },
    },
  }))
);
