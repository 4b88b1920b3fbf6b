/** The tree against a search through all triggers that says "most specific" in its plainest words. */
import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { parsePath, type PathSegment, routeOf } from "./path.ts";
import { routedRequest, routeEntry } from "./routes.arbitrary.ts";
import { type RouteEntry, RouteTree } from "./route-tree.ts";

type Entry = RouteEntry<number>;
type Asked = { readonly host: string | undefined; readonly method: string; readonly path: string };

/** Smaller is more specific; `undefined` is no match. */
type Rank = readonly number[] | undefined;

const kinds: readonly PathSegment["kind"][] = ["text", "parameter", "rest"];

/** A pattern that ends where the path does comes before one that goes on with `*`. */
function pathRank(pattern: readonly PathSegment[], words: readonly string[]): Rank {
  const rank: number[] = [];
  for (const [index, segment] of pattern.entries()) {
    const word = words[index];
    if (word === undefined) return undefined;
    if (segment.kind === "text" && segment.text !== word) return undefined;
    rank.push(kinds.indexOf(segment.kind));
    if (segment.kind === "rest") return rank;
  }
  return words.length === pattern.length ? rank : undefined;
}

function hostRank(own: string | null, asked: string | undefined): Rank {
  if (own === null) return [1000];
  const host = (asked ?? "").toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "");
  if (own === host) return [0];
  return own.startsWith("*.") && host.endsWith(own.slice(1)) ? [1000 - own.length] : undefined;
}

function methodRank(own: string, asked: string): Rank {
  const order = asked === "HEAD" ? ["HEAD", "GET", "ANY"] : [asked, "ANY"];
  return order.includes(own) ? [order.indexOf(own)] : undefined;
}

function ranked(entry: Entry, { host, method, path }: Asked): Rank {
  const words = path === "/" ? [] : path.slice(1).split("/").map(decodeURIComponent);
  const parts = [
    hostRank(entry.host, host),
    pathRank(parsePath(entry.path), words),
    methodRank(entry.method, method),
  ];
  return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? []);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? 0);
}

const keyOf = ({ host, method, path }: Entry) => `${method} ${host} ${routeOf(parsePath(path))}`;

Deno.test("property: the route is the one that a search for the most specific finds", () => {
  const entries = fc.uniqueArray(routeEntry, { selector: keyOf, maxLength: 12 });
  fc.assert(
    fc.property(entries, routedRequest, (routes, asked) => {
      const found = new RouteTree(routes).match(asked.method, asked.host, asked.path);
      const [best] = routes.flatMap((entry) => {
        const rank = ranked(entry, asked);
        return rank === undefined ? [] : [{ entry, rank }];
      }).sort((a, b) => compare(a.rank, b.rank));
      equal(found?.found === "route" ? found.value : undefined, best?.entry.value);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("property: two paths have one route exactly when no request can tell them apart", () => {
  const method = "GET";
  fc.assert(
    fc.property(routeEntry, routeEntry, (one, other) => {
      const [a, b] = [one, other].map(({ path }) => parsePath(path));
      if (a === undefined || b === undefined) return;
      const shape = (segments: readonly PathSegment[]) =>
        segments.map((segment) => segment.kind === "text" ? [segment.text] : segment.kind);
      const same = JSON.stringify(shape(a)) === JSON.stringify(shape(b));
      equal(routeOf(a) === routeOf(b), same, `${method} ${one.path} and ${other.path}`);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("a method that only less specific paths have is answered by them; Allow tells the rest", () => {
  const routes = [["GET", "/a/b"], ["POST", "/a/:x"]] as const;
  const tree = new RouteTree(
    routes.map(([method, path]) => ({ host: null, method, path, value: path })),
  );
  deepEqual(tree.match("POST", undefined, "/a/b"), {
    found: "route",
    value: "/a/:x",
    params: { x: "b" },
  });
  deepEqual(tree.match("PUT", undefined, "/a/b"), {
    found: "methods",
    allow: ["GET", "HEAD", "POST"],
  });
});
