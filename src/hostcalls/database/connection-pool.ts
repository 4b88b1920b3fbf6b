/**
 * The node's connections for functions: so many in all, so many for one function, each for one acting
 * role at a time. A function that wants more waits for its own; where all are taken, the function that
 * has the fewest is served first, so that one which holds many cannot starve another.
 */
import { OrlaError } from "../../base/errors.ts";
import { FunctionConnection } from "./function-connection.ts";
import { Lease } from "./lease.ts";
import type { Logins } from "./logins.ts";

export interface ConnectionPoolOptions {
  readonly logins: Pick<Logins, "open">;
  /** Of all functions together. */
  readonly size: number;
  readonly perFunction: number;
  readonly terminate: (pid: number, login: string) => Promise<void>;
  /** How long one that nobody uses is kept. */
  readonly idleMs?: number;
  /** How long a function waits for one. */
  readonly waitMs?: number;
}

/** Longer than a healthy database lets anyone wait, shorter than people do. */
const WAIT_MS = 10_000;
const IDLE_MS = 30_000;
/** Waiting costs little; without an end it would cost much. */
const MAX_WAITING_PER_FUNCTION = 1000;
/** Numbers of logins to try where other nodes use some. */
const MAX_SLOT_TRIES = 64;
const TOO_MANY_CONNECTIONS = "53300";

export interface Request {
  readonly functionId: string;
  /** The acting role. */
  readonly role: string;
  readonly signal: AbortSignal;
}

interface Waiter extends Request {
  readonly granted: PromiseWithResolvers<void>;
}

interface Idle {
  readonly connection: FunctionConnection;
  readonly since: number;
}

export class ConnectionPool implements AsyncDisposable {
  readonly #options: Required<ConnectionPoolOptions>;
  readonly #held = new Map<Lease, string>();
  /** Connections of a function, with those on their way. */
  readonly #countOf = new Map<string, number>();
  readonly #slots = new Map<string, Set<number>>();
  /** The most recently used last. */
  #idle: Idle[] = [];
  #waiting: Waiter[] = [];
  /** All, with those on their way in or out. */
  #total = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: ConnectionPoolOptions) {
    this.#options = { idleMs: IDLE_MS, waitMs: WAIT_MS, ...options };
  }

  get stats(): { readonly open: number; readonly held: number; readonly waiting: number } {
    return { open: this.#total, held: this.#held.size, waiting: this.#waiting.length };
  }

  /** Throws `overloaded` when none comes free in time. */
  async acquire(request: Request): Promise<Lease> {
    if (this.#closed) throw new OrlaError("unavailable", "This node is stopping");
    if (this.#waiting.length > 0 || !this.#tryGrant(request)) await this.#wait(request);
    try {
      const lease = new Lease(await this.#connect(request.role));
      this.#held.set(lease, request.functionId);
      return lease;
    } catch (thrown) {
      this.#giveUp(request.functionId);
      throw thrown;
    }
  }

  /** Takes it back, at once as far as the holder can see; with `stop`, ends what it is doing. */
  async release(lease: Lease, { stop = false } = {}): Promise<void> {
    const functionId = this.#held.get(lease);
    if (functionId === undefined) return;
    const { connection } = lease;
    lease.giveBack();
    if (stop) await connection.stop();
    const clean = await connection.reset();
    this.#held.delete(lease);
    if (clean && !this.#closed) {
      this.#idle.push({ connection, since: performance.now() });
      this.#armTimer();
    } else if (!connection.ended) await connection.close();
    this.#giveUp(functionId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { granted } of this.#waiting.splice(0)) {
      granted.reject(new OrlaError("unavailable", "This node is stopping"));
    }
    await Promise.all([
      ...[...this.#held.keys()].map(({ connection }) => connection.destroy()),
      ...this.#idle.splice(0).map(({ connection }) => connection.close()),
    ]);
  }

  /** Counts the function in when it may have another one now. */
  #tryGrant({ functionId }: Request): boolean {
    const count = this.#countOf.get(functionId) ?? 0;
    if (count >= this.#options.perFunction || this.#inUse >= this.#options.size) return false;
    this.#countOf.set(functionId, count + 1);
    return true;
  }

  get #inUse(): number {
    let sum = 0;
    for (const count of this.#countOf.values()) sum += count;
    return sum;
  }

  #giveUp(functionId: string): void {
    const count = (this.#countOf.get(functionId) ?? 1) - 1;
    if (count > 0) this.#countOf.set(functionId, count);
    else this.#countOf.delete(functionId);
    this.#serve();
  }

  /** The one whose function has the fewest first, then the one that has waited longest. */
  #serve(): void {
    for (;;) {
      const next = this.#waiting
        .map((waiter) => ({ waiter, count: this.#countOf.get(waiter.functionId) ?? 0 }))
        .filter(({ count }) => count < this.#options.perFunction)
        .reduce<{ waiter: Waiter; count: number } | undefined>(
          (best, each) => best === undefined || each.count < best.count ? each : best,
          undefined,
        )?.waiter;
      if (next === undefined || !this.#tryGrant(next)) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.granted.resolve();
    }
  }

  async #wait(request: Request): Promise<void> {
    const { functionId, signal } = request;
    const { size, perFunction, waitMs } = this.#options;
    const own = this.#waiting.filter((waiter) => waiter.functionId === functionId).length;
    if (own >= MAX_WAITING_PER_FUNCTION) {
      throw new OrlaError(
        "overloaded",
        "Too many statements of this function wait for a connection",
      );
    }
    const waiter: Waiter = { ...request, granted: Promise.withResolvers() };
    this.#waiting.push(waiter);
    this.#serve();
    const fail = (error: unknown) => {
      const index = this.#waiting.indexOf(waiter);
      if (index < 0) return; // granted already
      this.#waiting.splice(index, 1);
      waiter.granted.reject(error);
    };
    const late = () => {
      const all = (this.#countOf.get(functionId) ?? 0) >= perFunction;
      fail(
        new OrlaError(
          "overloaded",
          all
            ? `The function uses all its ${perFunction} database connections, and none came free in time`
            : `None of the node's ${size} database connections for functions came free in time`,
          {
            hint: "Release connections and end transactions early. The settings " +
              "ORLA_FUNCTION_DATABASE_CONNECTIONS and ORLA_DATABASE_CONNECTIONS_PER_FUNCTION raise the limits.",
          },
        ),
      );
    };
    const timer = setTimeout(late, waitMs);
    const onAbort = () => fail(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      await waiter.granted.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** An idle one of this role, or a new one in place of an idle one of another role. */
  async #connect(role: string): Promise<FunctionConnection> {
    const index = this.#idle.findLastIndex(({ connection }) => connection.role === role);
    const [idle] = index < 0 ? [] : this.#idle.splice(index, 1);
    if (idle !== undefined) return idle.connection;
    if (this.#total >= this.#options.size) await this.#idle.shift()?.connection.close();
    this.#total++;
    try {
      return await this.#open(role);
    } catch (thrown) {
      this.#total--;
      throw thrown;
    }
  }

  async #open(role: string): Promise<FunctionConnection> {
    const { logins, terminate } = this.#options;
    const slots = this.#slots.get(role) ?? new Set<number>();
    this.#slots.set(role, slots);
    for (let slot = 0, tries = 0; tries < MAX_SLOT_TRIES; slot++) {
      if (slots.has(slot)) continue;
      tries++;
      slots.add(slot);
      try {
        const { login, config } = await logins.open(role, slot);
        return await FunctionConnection.open(
          { config, role, login, slot, terminate },
          (connection) => this.#ended(connection),
        );
      } catch (thrown) {
        slots.delete(slot);
        // Taken, by another node or by one of ours that is just leaving: the next one will do.
        if ((thrown as { code?: unknown }).code === TOO_MANY_CONNECTIONS) continue;
        if (thrown instanceof OrlaError) throw thrown;
        throw new OrlaError("unavailable", "No connection to the database could be opened", {
          cause: thrown,
        });
      }
    }
    throw new OrlaError("overloaded", "The database has no connections left for functions");
  }

  #ended(connection: FunctionConnection): void {
    this.#total--;
    this.#slots.get(connection.role)?.delete(connection.slot);
    this.#idle = this.#idle.filter((idle) => idle.connection !== connection);
  }

  #armTimer(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const keepSince = performance.now() - this.#options.idleMs;
      const old = this.#idle.filter(({ since }) => since <= keepSince);
      this.#idle = this.#idle.filter(({ since }) => since > keepSince);
      for (const { connection } of old) void connection.close();
      if (this.#idle.length > 0) this.#armTimer();
    }, this.#options.idleMs);
  }
}
