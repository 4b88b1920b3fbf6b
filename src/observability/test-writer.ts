/** A migrated database with a writer, for tests. */
import pg from "pg";
import { silentLogger } from "../base/log.ts";
import { uuidV7 } from "../base/uuid.ts";
import { migrate } from "../catalog/migrate.ts";
import type { ExecutionEnd, ExecutionStart } from "../functions/execution.ts";
import type { TestPostgres } from "../../tests/postgres.ts";
import { type ExecutionWriter, startExecutionWriter } from "./execution-writer.ts";

export const origin = { nodeId: "node-1", region: "eu-west" };

export function start(overrides: Partial<ExecutionStart> = {}): ExecutionStart {
  return {
    executionId: uuidV7(),
    functionId: "f",
    version: 1,
    trigger: "http",
    role: null,
    cause: null,
    startedAt: Date.now(),
    ...overrides,
  };
}

export function end(overrides: Partial<ExecutionEnd> = {}): ExecutionEnd {
  return {
    status: "succeeded",
    executionTimeMs: 1.5,
    coldStartTimeMs: null,
    errorCode: null,
    errorMessage: null,
    httpStatus: 200,
    memoryUsedMb: null,
    cpuMs: null,
    ...overrides,
  };
}

export interface Fixture extends AsyncDisposable {
  readonly postgres: TestPostgres;
  readonly pool: pg.Pool;
  readonly admin: pg.Pool;
  readonly writer: ExecutionWriter;
}

/** A migrated database and a writer; `admin` is a pool the test looks through. */
export async function fixture(postgres: TestPostgres, closeDeadlineMs = 10_000): Promise<Fixture> {
  const root = new pg.Client({ connectionString: postgres.url });
  await root.connect();
  const name = `d${crypto.randomUUID().replaceAll("-", "")}`;
  await root.query(`CREATE DATABASE ${name}`);
  await root.end();
  const connectionString = postgres.url.replace(/postgres$/, name);
  const admin = new pg.Pool({ connectionString, max: 2 });
  const pool = new pg.Pool({ connectionString, max: 2 });
  for (const each of [admin, pool]) each.on("error", () => {});
  const client = await admin.connect();
  await migrate(client, silentLogger);
  client.release();
  const writer = await startExecutionWriter({ pool, origin, log: silentLogger, closeDeadlineMs });
  return {
    postgres,
    pool,
    admin,
    writer,
    async [Symbol.asyncDispose]() {
      await writer.close();
      await pool.end();
      await admin.end();
    },
  };
}
