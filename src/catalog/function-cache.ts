/**
 * The current version of every function, in memory, and a few that are not current: those a SQL
 * caller in an old or uncommitted snapshot may still name.
 */
import type { FunctionVersion } from "../functions/function.ts";

export interface FunctionChange {
  readonly functionId: string;
  /** `null` when the function is gone. */
  readonly current: FunctionVersion | null;
}

/** Versions kept beyond the current ones. A snapshot older than this many changes is rare. */
const RECENT_VERSIONS = 256;

export class FunctionCache {
  readonly #byId = new Map<string, FunctionVersion>();
  readonly #byName = new Map<string, FunctionVersion>();
  readonly #byVersion = new Map<string, FunctionVersion>();
  /** Least recently used first. */
  readonly #recent = new Map<string, FunctionVersion>();

  get size(): number {
    return this.#byId.size;
  }

  /** The current version of each function. */
  current(): Iterable<FunctionVersion> {
    return this.#byId.values();
  }

  find(namespace: string, name: string): FunctionVersion | undefined {
    return this.#byName.get(nameKey(namespace, name));
  }

  versionById(versionId: string): FunctionVersion | undefined {
    const current = this.#byVersion.get(versionId);
    if (current !== undefined) return current;
    const recent = this.#recent.get(versionId);
    if (recent !== undefined) this.remember(recent);
    return recent;
  }

  remember(version: FunctionVersion): void {
    this.#recent.delete(version.versionId);
    this.#recent.set(version.versionId, version);
    if (this.#recent.size <= RECENT_VERSIONS) return;
    const [oldest] = this.#recent.keys();
    if (oldest !== undefined) this.#recent.delete(oldest);
  }

  /**
   * Takes one committed snapshot's changes and returns those that are news. All removals come before
   * all additions, so that functions may swap names.
   */
  apply(changes: readonly FunctionChange[]): FunctionChange[] {
    const news = changes.filter((change) => this.#isNews(change));
    for (const { functionId } of news) this.#remove(functionId);
    for (const { current } of news) if (current !== null) this.#add(current);
    return news;
  }

  currentOf(functionId: string): FunctionVersion | undefined {
    return this.#byId.get(functionId);
  }

  #isNews({ functionId, current }: FunctionChange): boolean {
    const known = this.#byId.get(functionId);
    if (known === undefined || current === null) return known !== undefined || current !== null;
    return known.versionId !== current.versionId || known.name !== current.name ||
      known.namespace !== current.namespace;
  }

  #add(version: FunctionVersion): void {
    this.#byId.set(version.functionId, version);
    this.#byName.set(nameKey(version.namespace, version.name), version);
    this.#byVersion.set(version.versionId, version);
    this.#recent.delete(version.versionId);
  }

  #remove(functionId: string): void {
    const version = this.#byId.get(functionId);
    if (version === undefined) return;
    this.#byId.delete(functionId);
    this.#byVersion.delete(version.versionId);
    const key = nameKey(version.namespace, version.name);
    if (this.#byName.get(key) === version) this.#byName.delete(key);
    this.remember(version);
  }
}

/** A function's name has no slash. */
const nameKey = (namespace: string, name: string): string => `${namespace}/${name}`;
