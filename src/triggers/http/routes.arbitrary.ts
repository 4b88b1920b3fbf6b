/** Triggers and requests for property tests, of so few words that they meet. */
import fc from "fast-check";
import type { RouteEntry } from "./route-tree.ts";

const word = fc.constantFrom("a", "b", "%3A", "%2A", "a%2Fb", "%C3%A9");
const segment = fc.oneof(word, fc.constant(":p"));
const method = fc.constantFrom("GET", "POST", "HEAD", "ANY");
const host = fc.constantFrom(null, "x.org", "*.x.org", "a.x.org", "*.a.x.org");

export const routeEntry: fc.Arbitrary<RouteEntry<number>> = fc.record({
  host,
  method,
  path: fc.tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
    .map(([segments, rest]) => {
      const named = segments.map((text, index) => text === ":p" ? `:p${index}` : text);
      return `/${[...named, ...rest ? ["*rest"] : []].join("/")}`;
    }),
  value: fc.nat(),
});

export const routedRequest = fc.record({
  host: fc.constantFrom(undefined, "x.org", "A.x.org:80", "b.a.x.org.", "y.org"),
  method: fc.constantFrom("GET", "POST", "HEAD", "PUT"),
  path: fc.array(word, { maxLength: 4 }).map((words) => `/${words.join("/")}`),
});
