/**
 * A node's view of the triggers: all of them in memory, read again whenever the database says that one
 * changed. There are few of them and they change seldom, so that reading all is the simplest way to
 * be right.
 */
import type { ClientConfig } from "pg";
import { z } from "zod";
import type { Logger } from "../base/log.ts";
import { Connection } from "../catalog/connection.ts";
import { Refresh } from "../catalog/refresh.ts";
import { qualifiedName } from "../functions/function.ts";
import { type Trigger, type TriggerKind, type TriggerOf, triggerSchema } from "./trigger.ts";

export interface TriggerDirectoryOptions {
  /** The platform's own login. */
  readonly connection: ClientConfig;
  readonly log: Logger;
  /** Milliseconds between looks that no notification asked for. */
  readonly checkEveryMs?: number;
}

/** Bounds how long a lost notification goes unnoticed. */
const CHECK_EVERY_MS = 10_000;

const row = z.object({ definition: z.unknown() });

export class TriggerDirectory implements AsyncDisposable {
  readonly #log: Logger;
  readonly #listeners = new Set<() => void>();
  readonly #eventListeners = new Set<() => void>();
  readonly #refresh = new Refresh(() => this.#look((text) => this.#query(text)));
  #connection: Connection | undefined;
  #triggers: readonly Trigger[] = [];
  #byName: ReadonlyMap<string, Trigger> = new Map();
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(log: Logger) {
    this.#log = log.with({ part: "triggers" });
  }

  static async open(options: TriggerDirectoryOptions): Promise<TriggerDirectory> {
    const directory = new TriggerDirectory(options.log);
    directory.#connection = await Connection.open({
      config: { application_name: "orla triggers", ...options.connection },
      log: directory.#log,
      onOpen: async (client) => {
        client.on("notification", ({ channel }) => directory.#notified(channel));
        await client.query("LISTEN orla_triggers; LISTEN orla_events");
        await directory.#look((text) => client.query(text));
      },
    });
    directory.#timer = setInterval(
      () => directory.#syncInBackground(),
      options.checkEveryMs ?? CHECK_EVERY_MS,
    );
    return directory;
  }

  /** In the order they were made; switched-off ones too. */
  get all(): readonly Trigger[] {
    return this.#triggers;
  }

  ofKind<Kind extends TriggerKind>(kind: Kind): TriggerOf<Kind>[] {
    return this.#triggers.filter((trigger): trigger is TriggerOf<Kind> => trigger.kind === kind);
  }

  /** By its `qualifiedName`. */
  named(name: string): Trigger | undefined {
    return this.#byName.get(name);
  }

  byId(triggerId: string): Trigger | undefined {
    return this.#triggers.find((trigger) => trigger.triggerId === triggerId);
  }

  /** Tells after every look that found something new. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells when tables recorded events for the queue, and when some may have been missed. */
  onEvents(listener: () => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  /** Returns once every change committed before the call is in memory. */
  sync(): Promise<void> {
    return this.#refresh.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#connection?.close();
    await this.#refresh.settled();
    this.#listeners.clear();
  }

  #query(text: string): Promise<{ rows: unknown[] }> {
    // Set by `open`, the only way to get one of these.
    if (this.#connection === undefined) throw new Error("the directory is not open");
    return this.#connection.query(text);
  }

  #notified(channel: string): void {
    if (channel === "orla_triggers") return this.#syncInBackground();
    for (const listener of this.#eventListeners) listener();
  }

  #syncInBackground(): void {
    if (this.#connection?.isOpen !== true) return;
    this.sync().catch((error) => this.#log.warn("cannot read the triggers", { error }));
  }

  async #look(query: (text: string) => Promise<{ rows: unknown[] }>): Promise<void> {
    const { rows } = await query("SELECT definition FROM edge.trigger_definitions()");
    const triggers = rows.flatMap((found) => this.#parse(row.parse(found).definition));
    const changed = JSON.stringify(triggers) !== JSON.stringify(this.#triggers);
    this.#triggers = triggers;
    this.#byName = new Map(triggers.map((trigger) => [qualifiedName(trigger), trigger]));
    if (changed) { for (const listener of this.#listeners) listener(); }
  }

  /** A row this release cannot read must not take the others with it. */
  #parse(definition: unknown): Trigger[] {
    const parsed = triggerSchema.safeParse(definition);
    if (parsed.success) return [parsed.data];
    this.#log.error("a trigger's row cannot be read; it does nothing", {
      reason: z.prettifyError(parsed.error),
    });
    return [];
  }
}
