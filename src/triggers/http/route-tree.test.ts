import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { parsePath, routeOf } from "./path.ts";
import { RouteTree } from "./route-tree.ts";

const tree = new RouteTree(
  [
    ["GET", "/"],
    ["GET", "/orders"],
    ["POST", "/orders"],
    ["GET", "/orders/:id"],
    ["GET", "/orders/new"],
    ["GET", "/orders/:id/lines/:line"],
    ["ANY", "/orders/*rest"],
    ["GET", "/*"],
  ].map(([method = "", path = ""]) => ({ host: null, method, path, value: `${method} ${path}` })),
);

const cases: ReadonlyArray<
  readonly [method: string, path: string, value: string, params?: Record<string, string>]
> = [
  ["GET", "/", "GET /"],
  ["GET", "/orders", "GET /orders"],
  ["HEAD", "/orders", "GET /orders"],
  ["POST", "/orders", "POST /orders"],
  ["GET", "/orders/new", "GET /orders/new"],
  ["GET", "/orders/7", "GET /orders/:id", { id: "7" }],
  ["GET", "/orders/a%2Fb", "GET /orders/:id", { id: "a/b" }],
  ["POST", "/orders/7", "ANY /orders/*rest", { rest: "7" }],
  ["GET", "/orders/7/lines/2", "GET /orders/:id/lines/:line", { id: "7", line: "2" }],
  ["GET", "/orders/7/lines", "ANY /orders/*rest", { rest: "7/lines" }],
  ["GET", "/else/where", "GET /*", { rest: "else/where" }],
];

for (const [method, path, value, params = {}] of cases) {
  Deno.test(`route: ${method} ${path} means ${value}`, () => {
    deepEqual(tree.match(method, undefined, path), { found: "route", value, params });
  });
}

Deno.test("route: another method is told which there are", () => {
  deepEqual(tree.match("DELETE", undefined, "/"), { found: "methods", allow: ["GET", "HEAD"] });
  equal(new RouteTree([]).match("GET", undefined, "/x"), undefined);
});

Deno.test("route: a host of its own comes first, in any letter case, whatever its port", () => {
  const hosts = new RouteTree([
    { host: null, method: "GET", path: "/x", value: "any" },
    { host: "shop.example.org", method: "GET", path: "/:page", value: "shop" },
  ]);
  const value = (host: string | undefined, path = "/x") => {
    const found = hosts.match("GET", host, path);
    return found?.found === "route" ? found.value : undefined;
  };
  deepEqual(
    [
      value(undefined),
      value("shop.EXAMPLE.org:8000"),
      value("example.org"),
      value("example.org", "/y"),
    ],
    ["any", "shop", "any", undefined],
  );
});

Deno.test("route: what is the platform's is never a trigger's, however it is written", () => {
  const greedy = new RouteTree(["/*all", "/:a/:b/*c", "/:a"].map((path) => (
    { host: null, method: "ANY", path, value: path }
  )));
  for (
    const path of [
      ...[
        "/healthz",
        "/readyz",
        "/metrics",
        "/metrics/x",
        "/invoke/f",
        "/api/v1",
        "/api/v1/hooks/h",
      ],
      ...["/storage/v1/b/o", "/functions/v1/f", "/%61pi/%76%31/hooks/h", "/%68ealthz"],
    ]
  ) {
    equal(greedy.match("POST", undefined, path), undefined, path);
  }
  equal(greedy.match("POST", undefined, "/api/v2/hooks")?.found, "route");
});

for (
  const [path, message] of [
    ["orders", /begins with/],
    ["/a//b", /empty segments/],
    ["/a/", /slash at its end/],
    ["/:1", /followed by a name/],
    ["/:a/:a", /twice/],
    ["/*/b", /nothing can follow/],
    ["/a b", /cannot stand/],
    ["/api/v1/x", /platform's own/],
    ["/functions/v1/f", /platform's own/],
    ["/%61pi/v1/x", /platform's own/],
    ["/metrics", /platform's own/],
    ["/a/%FF", /spell no text/],
    ["/a/..", /no \. and \.\./],
    ["/a/%2e", /no \. and \.\./],
  ] as const
) {
  Deno.test(`path refused: ${path}`, () => {
    throws(() => parsePath(path), { code: "invalid_option", message });
  });
}

Deno.test("property: what a path's parameters are filled with is what they hold", () => {
  const segment = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => text.isWellFormed());
  fc.assert(fc.property(segment, segment, (a, b) => {
    const one = new RouteTree([{ host: null, method: "GET", path: "/x/:a/y/:b", value: 1 }]);
    const path = `/x/${encodeURIComponent(a)}/y/${encodeURIComponent(b)}`;
    deepEqual(one.match("GET", undefined, path), { found: "route", value: 1, params: { a, b } });
  }));
  equal(routeOf(parsePath("/a/:b/*c")), "/a/:/*");
});
