/** Reads which function a path means. */
import { DEFAULT_NAMESPACE, type FunctionNames } from "./function-lookup.ts";
import { decodeSegment } from "./request-target.ts";

export const FUNCTIONS_PREFIX = "/functions/v1/";

/**
 * The functions that `/functions/v1/{name}[/rest]` or `/functions/v1/{namespace}/{name}[/rest]` may
 * mean, best first. Empty when it names none.
 */
export function functionNamesOf(path: string): FunctionNames {
  const nameEnd = segmentEnd(path, FUNCTIONS_PREFIX.length);
  const first = decodeSegment(path.slice(FUNCTIONS_PREFIX.length, nameEnd));
  if (first === undefined || first === "") return [];
  if (first.includes("/")) return namesOfId(first);
  const plain = { namespace: DEFAULT_NAMESPACE, name: first };
  const second = decodeSegment(path.slice(nameEnd + 1, segmentEnd(path, nameEnd + 1)));
  if (second === undefined || second === "" || second.includes("/")) return [plain];
  return [plain, { namespace: first, name: second }];
}

/** A function's id as the system tables write it: `name`, or `namespace/name`. */
export function namesOfId(id: string): FunctionNames {
  const slash = id.indexOf("/");
  if (slash === -1) return id === "" ? [] : [{ namespace: DEFAULT_NAMESPACE, name: id }];
  const namespace = id.slice(0, slash);
  const name = id.slice(slash + 1);
  return namespace === "" || name === "" || name.includes("/") ? [] : [{ namespace, name }];
}

function segmentEnd(path: string, start: number): number {
  const slash = path.indexOf("/", start);
  return slash === -1 ? path.length : slash;
}
