import { OrlaError } from "../../base/errors.ts";
import type { FunctionConnection } from "./function-connection.ts";
import type { RunOptions, RunResult } from "./portal-run.ts";

/**
 * A connection in the hands of one invocation. Once it is given back nothing more can be asked of it,
 * however late a statement comes: the connection may serve another function by then.
 */
export class Lease {
  readonly connection: FunctionConnection;
  #givenBack = false;

  constructor(connection: FunctionConnection) {
    this.connection = connection;
  }

  get role(): string {
    return this.connection.role;
  }

  /** From now on only cleaning up is left. */
  giveBack(): void {
    this.#givenBack = true;
  }

  takePortalName(): string {
    return this.#usable().takePortalName();
  }

  async run(options: RunOptions): Promise<RunResult> {
    return await this.#usable().run(options);
  }

  async parameterTypes(sql: string): Promise<readonly number[]> {
    return await this.#usable().parameterTypes(sql);
  }

  async closePortal(name: string): Promise<void> {
    await this.#usable().closePortal(name);
  }

  #usable(): FunctionConnection {
    if (!this.#givenBack) return this.connection;
    throw new OrlaError("invalid_request", "This database connection is closed");
  }
}
