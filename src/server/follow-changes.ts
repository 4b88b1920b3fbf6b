import type { Catalog } from "../catalog/catalog.ts";
import { type FunctionVersion, qualifiedName } from "../functions/function.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** What a version holds in memory ends when another takes its place. */
export function followChanges(
  catalog: Catalog,
  runtime: Runtime,
  metrics: readonly { forget(name: string): void }[],
): () => void {
  const names = new Map<string, string>();
  const follow = (version: FunctionVersion) => {
    names.set(version.functionId, qualifiedName(version));
    runtime.keepWarm(version);
  };
  for (const version of catalog.current()) follow(version);
  return catalog.onChange(({ functionId, current }) => {
    runtime.retire(functionId, current?.versionId);
    const name = names.get(functionId);
    const isRenamed = current === null || qualifiedName(current) !== name;
    if (name !== undefined && isRenamed) { for (const each of metrics) each.forget(name); }
    if (current === null) names.delete(functionId);
    else follow(current);
  });
}
