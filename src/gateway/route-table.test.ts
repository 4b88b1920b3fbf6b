import assert from "node:assert/strict";
import type { Method, Route } from "./route.ts";
import { createRouteTable } from "./route-table.ts";

function route(method: Method, path: string): Route {
  return {
    method,
    path,
    access: "open",
    operation: { operationId: `${method}${path}`, summary: "", tags: [], responses: {} },
    handle: () => new Response(),
  };
}

const table = createRouteTable([
  route("GET", "/healthz"),
  route("POST", "/api/v1/functions/{name}/invoke"),
  route("POST", "/api/v1/functions/{namespace}/{name}/invoke"),
  route("GET", "/api/v1/functions/{name}"),
  route("DELETE", "/api/v1/functions/{name}"),
  route("GET", "/api/v1/functions/special"),
  route("PUT", "/files/{bucket}/{+object}"),
  route("PUT", "/files/own/{id}"),
  route("GET", "/files/all/{*path}"),
]);

const found: readonly [string, string, string, Record<string, string>][] = [
  ["GET", "/healthz", "/healthz", {}],
  ["HEAD", "/healthz", "/healthz", {}],
  ["POST", "/api/v1/functions/f/invoke", "/api/v1/functions/{name}/invoke", { name: "f" }],
  ["POST", "/api/v1/functions/a%2Fb/invoke", "/api/v1/functions/{name}/invoke", { name: "a/b" }],
  [
    "POST",
    "/api/v1/functions/a/b/invoke",
    "/api/v1/functions/{namespace}/{name}/invoke",
    { namespace: "a", name: "b" },
  ],
  ["GET", "/api/v1/functions/special", "/api/v1/functions/special", {}],
  ["PUT", "/files/own/1", "/files/own/{id}", { id: "1" }],
  ["PUT", "/files/b/x", "/files/{bucket}/{+object}", { bucket: "b", object: "x" }],
  ["PUT", "/files/b/x/y%20z", "/files/{bucket}/{+object}", { bucket: "b", object: "x/y z" }],
  ["PUT", "/files/own/1/2", "/files/{bucket}/{+object}", { bucket: "own", object: "1/2" }],
  ["GET", "/files/all", "/files/all/{*path}", { path: "" }],
  ["GET", "/files/all/", "/files/all/{*path}", { path: "" }],
  ["GET", "/files/all/a//b%20/", "/files/all/{*path}", { path: "a//b /" }],
  ["GET", "/files/all/%zz/a", "/files/all/{*path}", { path: "/a" }],
  ["GET", "/api/v1/functions/other", "/api/v1/functions/{name}", { name: "other" }],
];

for (const [method, path, expected, params] of found) {
  Deno.test(`${method} ${path} is ${expected}`, () => {
    const match = table.match(method, path);
    assert.ok(match.found === "route");
    assert.equal(match.route.path, expected);
    assert.deepEqual(match.params, params);
  });
}

for (
  const path of [
    "/",
    "/healthz/",
    "//healthz",
    "/api",
    "/api/v1/functions//invoke",
    "/%zz",
    "/files/b",
    "/files/b/",
    "/files/b/x/%zz",
  ]
) {
  Deno.test(`nothing is at ${path}`, () => {
    assert.equal(table.match("GET", path).found, "nothing");
  });
}

Deno.test("a path that exists for other methods tells which", () => {
  assert.deepEqual(table.match("PUT", "/api/v1/functions/f"), {
    found: "methods",
    allow: ["GET", "DELETE", "HEAD"],
  });
});

Deno.test("two routes in one place are a mistake found at the start", () => {
  assert.throws(() => createRouteTable([route("GET", "/a/{x}"), route("GET", "/a/{y}")]));
});
