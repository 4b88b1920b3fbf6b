/** Finds the route of a path: a tree with one level per segment, fixed segments before parameters. */
import type { Route } from "./route.ts";
import { decodeSegment } from "./request-target.ts";

export type RouteMatch =
  | {
    readonly found: "route";
    readonly route: Route;
    readonly params: Readonly<Record<string, string>>;
  }
  /** The path exists for these methods only. */
  | { readonly found: "methods"; readonly allow: readonly string[] }
  | { readonly found: "nothing" };

export interface RouteTable {
  readonly routes: readonly Route[];
  /** `path` as in a {@link RequestTarget}. A HEAD is answered by the GET route. */
  match(method: string, path: string): RouteMatch;
}

interface Level {
  readonly fixed: Map<string, Level>;
  parameter: Level | undefined;
  /** One or more segments to the end. */
  rest: Level | undefined;
  /** Whatever nothing else takes. */
  all: Level | undefined;
  /** The routes that end here, by method. */
  readonly routes: Map<string, Route>;
}

export function createRouteTable(routes: readonly Route[]): RouteTable {
  const root = level();
  for (const route of routes) insert(root, route);
  return {
    routes,
    match(method, path) {
      const segments = path.slice(1).split("/").map(decodeSegment);
      const end = descend(root, segments, 0);
      if (end === undefined) return { found: "nothing" };
      const route = end.routes.get(method) ??
        (method === "HEAD" ? end.routes.get("GET") : undefined);
      if (route === undefined) return { found: "methods", allow: allowed(end) };
      return { found: "route", route, params: paramsOf(route, segments) };
    },
  };
}

function level(): Level {
  return {
    fixed: new Map(),
    parameter: undefined,
    rest: undefined,
    all: undefined,
    routes: new Map(),
  };
}

function insert(root: Level, route: Route): void {
  let at = root;
  for (const segment of route.path.slice(1).split("/")) {
    if (segment.startsWith("{+")) {
      at = at.rest ??= level();
    } else if (segment.startsWith("{*")) {
      at = at.all ??= level();
    } else if (segment.startsWith("{")) {
      at = at.parameter ??= level();
    } else {
      let next = at.fixed.get(segment);
      if (next === undefined) at.fixed.set(segment, next = level());
      at = next;
    }
  }
  if (at.routes.has(route.method)) {
    throw new Error(`Two routes for ${route.method} ${route.path}`);
  }
  at.routes.set(route.method, route);
}

function descend(
  at: Level,
  segments: readonly (string | undefined)[],
  index: number,
): Level | undefined {
  return descendFurther(at, segments, index) ?? at.all;
}

function descendFurther(
  at: Level,
  segments: readonly (string | undefined)[],
  index: number,
): Level | undefined {
  if (index === segments.length) return at.routes.size === 0 ? undefined : at;
  const segment = segments[index];
  if (segment === undefined || segment === "") return undefined;
  const fixed = at.fixed.get(segment);
  const found = fixed === undefined ? undefined : descend(fixed, segments, index + 1);
  if (found !== undefined) return found;
  const one = at.parameter === undefined ? undefined : descend(at.parameter, segments, index + 1);
  if (one !== undefined || at.rest === undefined) return one;
  return segments.slice(index).includes(undefined) ? undefined : at.rest;
}

function allowed(end: Level): string[] {
  const methods = [...end.routes.keys()];
  return end.routes.has("GET") ? [...methods, "HEAD"] : methods;
}

function paramsOf(
  route: Route,
  segments: readonly (string | undefined)[],
): Record<string, string> {
  const params: Record<string, string> = {};
  route.path.slice(1).split("/").forEach((segment, index) => {
    if (/^\{[+*]/.test(segment)) params[segment.slice(2, -1)] = segments.slice(index).join("/");
    else if (segment.startsWith("{")) params[segment.slice(1, -1)] = segments[index] ?? "";
  });
  return params;
}
