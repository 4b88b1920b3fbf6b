/**
 * A node's view of the catalog: every current function version in memory.
 *
 * The database announces each change by `NOTIFY orla_functions`, and keeps in `edge.changes` which
 * transaction changed a function last. A notification is only a reason to look; looking asks for
 * everything that our last snapshot did not see, so that nothing is missed when notifications are
 * (reconnects, transactions that commit out of order). A slow clock asks too.
 */
import { z } from "zod";
import type { ClientConfig } from "pg";
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { FunctionDirectory } from "../functions/call.ts";
import type { FunctionVersion } from "../functions/function.ts";
import { Connection } from "./connection.ts";
import { parseFunctionVersion } from "./definition.ts";
import { FunctionCache, type FunctionChange } from "./function-cache.ts";
import { type InstanceReport, reportInstances } from "./instance-report.ts";
import { type NodeDescription, type NodeRegistration, registerNode } from "./node-registration.ts";
import type { Queryable } from "./queryable.ts";
import { Refresh } from "./refresh.ts";

export interface CatalogOptions {
  /** The platform's own login: `edge` belongs to it. */
  readonly connection: ClientConfig;
  readonly log: Logger;
  /** Milliseconds between looks that no notification asked for. */
  readonly checkEveryMs?: number;
}

/** Bounds how long a lost notification can go unnoticed; one index probe each. */
const CHECK_EVERY_MS = 10_000;

/** One row without id says that nothing changed. A snapshot of NULL asks for everything. */
const CHANGES = `
  SELECT s.snapshot::text, c.function_id::text AS id, c.definition
  FROM (SELECT pg_catalog.pg_current_snapshot() AS snapshot) s
  LEFT JOIN (
    SELECT c.function_id, edge.definition(f.current_version_id) AS definition
    FROM edge.changes c LEFT JOIN edge.functions f USING (function_id)
    WHERE $1::pg_catalog.pg_snapshot IS NULL
      OR c.changed_by >= pg_catalog.pg_snapshot_xmin($1::pg_catalog.pg_snapshot)
      AND NOT pg_catalog.pg_visible_in_snapshot(c.changed_by, $1::pg_catalog.pg_snapshot)
  ) c ON true`;

const changeRow = z.object({
  snapshot: z.string(),
  id: z.string().nullable(),
  definition: z.unknown(),
});

export type ChangeListener = (change: FunctionChange) => void;

export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  return await Catalog.open(options);
}

export class Catalog implements FunctionDirectory, AsyncDisposable {
  readonly #log: Logger;
  readonly #cache = new FunctionCache();
  readonly #listeners = new Set<ChangeListener>();
  readonly #registrations = new Set<NodeRegistration>();
  readonly #refresh = new Refresh(() => this.#lookTwice());
  #connection: Connection | undefined;
  /** The database's snapshot that the cache shows. */
  #snapshot: string | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(log: Logger) {
    this.#log = log.with({ part: "catalog" });
  }

  static async open(options: CatalogOptions): Promise<Catalog> {
    const catalog = new Catalog(options.log);
    catalog.#connection = await Connection.open({
      config: { application_name: "orla catalog", ...options.connection },
      log: catalog.#log,
      onOpen: async (client) => {
        client.on("notification", () => catalog.#syncInBackground());
        await client.query("LISTEN orla_functions");
        await catalog.#look(client);
      },
    });
    catalog.#timer = setInterval(
      () => catalog.#syncInBackground(),
      options.checkEveryMs ?? CHECK_EVERY_MS,
    );
    return catalog;
  }

  /** Number of functions. */
  get size(): number {
    return this.#cache.size;
  }

  /** Whether changes are being followed at this moment. */
  get isConnected(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  /** The current version of each function, from memory. */
  current(): Iterable<FunctionVersion> {
    return this.#cache.current();
  }

  find(namespace: string, name: string): FunctionVersion | undefined {
    return this.#cache.find(namespace, name);
  }

  /** The current version of a function by its id, from memory. */
  currentVersion(functionId: string): FunctionVersion | undefined {
    return this.#cache.currentOf(functionId);
  }

  async resolve(namespace: string, name: string): Promise<FunctionVersion | undefined> {
    const known = this.find(namespace, name);
    if (known !== undefined) return known;
    await this.sync();
    return this.find(namespace, name);
  }

  /** A version by its id, from memory: current ones, those just replaced, and remembered ones. */
  versionById(versionId: string): FunctionVersion | undefined {
    return this.#cache.versionById(versionId);
  }

  /** Takes in a version that a SQL caller sent along because it is not committed, or was long ago. */
  remember(definition: unknown): FunctionVersion {
    const version = parseFunctionVersion(definition);
    this.#cache.remember(version);
    return version;
  }

  /** Tells of each change after it is in memory. Returns the way to stop. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Rejects with `unavailable` while the database is away. */
  sync(): Promise<void> {
    return this.#refresh.now();
  }

  /** By which Postgres proves to the callback endpoint that it is Postgres. */
  async callbackPassword(): Promise<string> {
    const { rows } = await this.#query("SELECT password FROM edge.callback");
    return z.tuple([z.object({ password: z.string() })]).parse(rows)[0].password;
  }

  /** What a login may at most, by the roles that it can take on. */
  async sourceRights(login: string | null): Promise<{ creates: boolean; opensNetwork: boolean }> {
    const { rows } = await this.#query(
      `SELECT pg_catalog.pg_has_role(r.oid, 'orla_admin', 'MEMBER') AS creates,
         edge.has_network_right(r.rolname, 'MEMBER') AS "opensNetwork"
       FROM pg_catalog.pg_roles r WHERE r.rolname = $1`,
      [login],
    );
    const rights = z.array(z.object({ creates: z.boolean(), opensNetwork: z.boolean() })).parse(
      rows,
    );
    return rights[0] ?? { creates: false, opensNetwork: false };
  }

  /** Makes this node known to the database, and keeps it known until disposed of. */
  async registerNode(node: NodeDescription): Promise<NodeRegistration> {
    const registration = await registerNode(
      { query: (text, values) => this.#query(text, values) },
      node,
      this.#log,
    );
    this.#registrations.add(registration);
    return registration;
  }

  /** Tells the database how instances are doing on this node. */
  async reportInstances(nodeId: string, reports: readonly InstanceReport[]): Promise<void> {
    const database: Queryable = { query: (text, values) => this.#query(text, values) };
    await reportInstances(database, nodeId, reports);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const registration of this.#registrations) await registration.close();
    await this.#connection?.close();
    await this.#refresh.settled();
    this.#listeners.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    // Set by `open`, the only way to get a Catalog.
    if (this.#connection === undefined) throw new Error("the catalog is not open");
    return this.#connection.query(text, values);
  }

  async #lookTwice(): Promise<void> {
    const database: Queryable = { query: (text, values) => this.#query(text, values) };
    try {
      await this.#look(database);
    } catch (thrown) {
      // Looking changes nothing: when the connection broke under it, look again on the next one.
      if (!(thrown instanceof OrlaError && thrown.retryable)) throw thrown;
      await this.#look(database);
    }
  }

  #syncInBackground(): void {
    if (!this.isConnected) return;
    this.sync().catch((thrown) => this.#log.warn("cannot read the catalog", { reason: thrown }));
  }

  async #look(database: Queryable): Promise<void> {
    const { rows } = await database.query(CHANGES, [this.#snapshot]);
    const found = z.array(changeRow).parse(rows);
    const changes = found.flatMap(({ id, definition }) =>
      id === null ? [] : [{ functionId: id, current: this.#parse(id, definition) }]
    );
    const news = this.#cache.apply(changes);
    this.#snapshot = found[0]?.snapshot ?? this.#snapshot;
    for (const change of news) {
      for (const listener of this.#listeners) listener(change);
    }
  }

  /** A row this release cannot read must not take the others with it. */
  #parse(id: string, definition: unknown): FunctionVersion | null {
    if (definition === null) return null;
    try {
      return parseFunctionVersion(definition);
    } catch (thrown) {
      this.#log.error("an edge function's row cannot be read; it is not served", {
        functionId: id,
        reason: thrown,
      });
      return null;
    }
  }
}
