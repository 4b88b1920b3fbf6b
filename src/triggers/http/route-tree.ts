/** Finds the HTTP trigger that a request means: the most specific one, as path.ts says. */
import { hostOf, hostsFor } from "./host.ts";
import { decodeSegment, parsePath, type PathSegment, reservedPrefix } from "./path.ts";

export interface RouteEntry<T> {
  /** As `parseHost` has it; `null` for every host. */
  readonly host: string | null;
  /** Or `ANY`. */
  readonly method: string;
  readonly path: string;
  readonly value: T;
}

export type RouteFound<T> =
  | {
    readonly found: "route";
    readonly value: T;
    readonly params: Readonly<Record<string, string>>;
  }
  /** The path is there for these methods only. */
  | { readonly found: "methods"; readonly allow: readonly string[] };

interface Leaf<T> {
  readonly segments: readonly PathSegment[];
  readonly value: T;
}

interface Level<T> {
  readonly texts: Map<string, Level<T>>;
  parameter: Level<T> | undefined;
  /** Ends of paths, by method. */
  readonly ends: Map<string, Leaf<T>>;
  /** Ends in `*`, by method. */
  readonly rests: Map<string, Leaf<T>>;
}

export class RouteTree<T> {
  readonly #hosts = new Map<string, Level<T>>();
  readonly #everywhere: Level<T> = level();
  readonly size: number;

  constructor(entries: readonly RouteEntry<T>[]) {
    this.size = entries.length;
    for (const entry of entries) {
      let root = this.#everywhere;
      if (entry.host !== null) {
        root = this.#hosts.get(entry.host) ?? level();
        this.#hosts.set(entry.host, root);
      }
      insert(root, parsePath(entry.path), entry);
    }
  }

  /** `path` is decoded segment by segment; `host` is as requests have it. */
  match(method: string, host: string | undefined, path: string): RouteFound<T> | undefined {
    const segments = decode(path);
    if (segments === undefined || reservedPrefix(segments) !== undefined) return undefined;
    const allow = new Set<string>();
    for (const root of this.#rootsFor(host)) {
      const leaf = descend(root, segments, 0, method, allow);
      if (leaf !== undefined) {
        return { found: "route", value: leaf.value, params: paramsOf(leaf.segments, segments) };
      }
    }
    return allow.size === 0 ? undefined : { found: "methods", allow: [...allow].sort() };
  }

  /** The most specific host first, none of its own last. */
  #rootsFor(host: string | undefined): Level<T>[] {
    if (host === undefined || this.#hosts.size === 0) return [this.#everywhere];
    const own = hostsFor(hostOf(host)).flatMap((name) => this.#hosts.get(name) ?? []);
    return [...own, this.#everywhere];
  }
}

function level<T>(): Level<T> {
  return { texts: new Map(), parameter: undefined, ends: new Map(), rests: new Map() };
}

function insert<T>(root: Level<T>, segments: readonly PathSegment[], entry: RouteEntry<T>): void {
  let at = root;
  for (const segment of segments) {
    switch (segment.kind) {
      case "text": {
        const next = at.texts.get(segment.text) ?? level<T>();
        at.texts.set(segment.text, next);
        at = next;
        break;
      }
      case "parameter":
        at = at.parameter ??= level();
        break;
      case "rest":
        at.rests.set(entry.method, { segments, value: entry.value });
        return;
    }
  }
  at.ends.set(entry.method, { segments, value: entry.value });
}

function descend<T>(
  at: Level<T>,
  segments: readonly string[],
  index: number,
  method: string,
  allow: Set<string>,
): Leaf<T> | undefined {
  const segment = segments[index];
  if (segment === undefined) return pick(at.ends, method, allow);
  const fixed = at.texts.get(segment);
  const found = (fixed && descend(fixed, segments, index + 1, method, allow)) ??
    (at.parameter && segment !== ""
      ? descend(at.parameter, segments, index + 1, method, allow)
      : undefined);
  return found ?? pick(at.rests, method, allow);
}

/** A HEAD is answered by GET, and everything by ANY. */
function pick<T>(
  leaves: ReadonlyMap<string, Leaf<T>>,
  method: string,
  allow: Set<string>,
): Leaf<T> | undefined {
  const leaf = leaves.get(method) ?? (method === "HEAD" ? leaves.get("GET") : undefined) ??
    leaves.get("ANY");
  if (leaf === undefined) {
    for (const known of leaves.keys()) allow.add(known);
    if (leaves.has("GET")) allow.add("HEAD");
  }
  return leaf;
}

function paramsOf(
  pattern: readonly PathSegment[],
  segments: readonly string[],
): Record<string, string> {
  const params: Record<string, string> = {};
  pattern.forEach((segment, index) => {
    if (segment.kind === "parameter") params[segment.name] = segments[index] ?? "";
    else if (segment.kind === "rest") params[segment.name] = segments.slice(index).join("/");
  });
  return params;
}

/** `undefined` for escapes that spell no text. */
function decode(path: string): string[] | undefined {
  if (path === "/") return [];
  const segments: string[] = [];
  for (const segment of path.slice(1).split("/")) {
    const text = decodeSegment(segment);
    if (text === undefined) return undefined;
    segments.push(text);
  }
  return segments;
}
