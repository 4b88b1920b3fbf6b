/** Paths of requests, from names that anybody may have chosen. */
import { OrlaError } from "./error.ts";

/**
 * Each name as one segment. What a URL would not carry as it is (an empty segment, `.`, `..`) must
 * not lead to another place than was meant. Throws `invalid_request`.
 */
export function pathOf(prefix: string, names: readonly string[], what: string): string {
  for (const name of names) {
    if (name === "" || name === "." || name === ".." || !isText(name)) {
      throw new OrlaError("invalid_request", `"${names.join("/")}" cannot be the name of ${what}.`);
    }
  }
  return [prefix, ...names.map(encodeURIComponent)].join("/");
}

/** `name`, or `namespace/name`. */
export function functionPath(prefix: string, name: string): string {
  const names = name.split("/");
  return pathOf(prefix, names.length > 2 ? [""] : names, "a function");
}

/** What comes behind a function's own path, and must not leave it. */
export function within(path: string, rest: string): string {
  const separator = rest === "" || /^[/?]/.test(rest) ? "" : "/";
  const { pathname, search } = new URL(path + separator + rest, "http://orla");
  if (pathname === path || pathname.startsWith(`${path}/`)) {
    return pathname + search;
  }
  throw new OrlaError("invalid_request", `The path "${rest}" leads out of the function's own.`);
}

/** A lone half of a surrogate pair cannot be sent. */
function isText(name: string): boolean {
  return !/\p{Surrogate}/u.test(name);
}
