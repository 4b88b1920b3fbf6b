/** Whose rights a function's statements have, and the logins by which connections get them. */
import type pg from "pg";
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";
import type { Queryable } from "../../catalog/queryable.ts";
import type { HostCallContext } from "../../functions/host-services.ts";

export type ActAs = "caller" | "service";

/** How long an answer about roles is good; a changed grant takes effect after it. */
const ROLE_TTL_MS = 2_000;
/** A node has few roles to act as; the rest is a misuse of the cache. */
const MAX_CACHED_ROLES = 1000;

const UNDEFINED_OBJECT = "42704";
const INSUFFICIENT_PRIVILEGE = "42501";

const roleRow = z.object({ role: z.string().nullable() });
const loginRow = z.object({ login: z.string(), password: z.string() });

export interface Login {
  readonly login: string;
  readonly config: pg.ClientConfig;
}

export class Logins {
  readonly #database: Queryable;
  readonly #config: pg.ClientConfig;
  readonly #now: () => number;
  readonly #cached = new Map<string, { readonly role: string; readonly until: number }>();

  /** `database` has the platform's rights; `config` is how it gets there. */
  constructor(
    database: Queryable,
    config: pg.ClientConfig,
    now: () => number = () => performance.now(),
  ) {
    this.#database = database;
    this.#config = config;
    this.#now = now;
  }

  /** Throws `forbidden` where there is no such role to act as. */
  async actingRole({ invocation, version }: HostCallContext, as: ActAs): Promise<string> {
    if (invocation === null) {
      throw new OrlaError("forbidden", "The database is there only while a call runs", {
        hint: "Use it in the handler, not while the module is loaded.",
      });
    }
    if (as === "service") {
      if (!version.options.serviceRole) {
        throw new OrlaError("forbidden", "This function may not use its owner's rights", {
          hint: `ALTER EDGE FUNCTION ${version.name} SET SERVICE_ROLE = true allows it.`,
        });
      }
      return await this.#lookUp("SELECT edge.owner_role($1::bigint) AS role", version.functionId);
    }
    const { role, service } = invocation.caller;
    if (service) return "orla_service";
    if (role === null) return "orla_anon";
    return await this.#lookUp("SELECT edge.acting_role($1::name) AS role", role);
  }

  /** Throws `forbidden` when the platform's own role may not make it. */
  async open(role: string, slot: number): Promise<Login> {
    const { rows } = await this.#ask("SELECT * FROM edge.open_login($1, $2)", [role, slot]);
    const { login, password } = z.tuple([loginRow]).parse(rows)[0];
    return { login, config: loginConfig(this.#config, login, password, role) };
  }

  async #lookUp(sql: string, subject: string): Promise<string> {
    const key = `${sql} ${subject}`;
    const now = this.#now();
    const cached = this.#cached.get(key);
    if (cached !== undefined && cached.until > now) return cached.role;
    const { rows } = await this.#ask(sql, [subject]);
    const [{ role }] = z.tuple([roleRow]).parse(rows);
    if (role === null) {
      throw new OrlaError("unavailable", "The function's owner is not known yet", {
        hint: "A function is seen by its own database access once its CREATE is committed.",
      });
    }
    if (this.#cached.size >= MAX_CACHED_ROLES) this.#cached.clear();
    this.#cached.set(key, { role, until: now + ROLE_TTL_MS });
    return role;
  }

  async #ask(sql: string, values: unknown[]): Promise<{ rows: unknown[] }> {
    try {
      return await this.#database.query(sql, values);
    } catch (cause) {
      const { code, message } = cause as { readonly code?: unknown; readonly message: string };
      if (code === UNDEFINED_OBJECT || code === INSUFFICIENT_PRIVILEGE) {
        throw new OrlaError("forbidden", `Functions cannot use the database: ${message}`, {
          cause,
          hint:
            "Orla's own role needs CREATEROLE, and the ADMIN OPTION of each role that functions " +
            "act as: docs/operations.md.",
        });
      }
      throw new OrlaError("unavailable", "The database is not reachable", { cause });
    }
  }
}

/** The platform's own way to the database, with another name on it. */
export function loginConfig(
  config: pg.ClientConfig,
  user: string,
  password: string,
  role: string,
): pg.ClientConfig {
  const options = [
    // What the session begins as is what RESET ROLE and DISCARD ALL return to.
    `role=${role}`,
    "client_encoding=UTF8",
    // Results are read as these print them.
    "DateStyle=ISO",
    "IntervalStyle=postgres",
    "bytea_output=hex",
    // A statement whose connection is gone ends within a second.
    "client_connection_check_interval=1000",
  ].map((setting) => `-c ${setting.replace(/[\\\s]/g, "\\$&")}`).join(" ");
  const own = { user, password, options, application_name: "orla function" };
  const { connectionString } = config;
  if (connectionString === undefined) return { ...config, ...own };
  const url = new URL(connectionString);
  // Parameters win over the URL's other parts.
  for (const [name, value] of Object.entries(own)) url.searchParams.set(name, value);
  return { ...config, connectionString: url.href };
}
