/** Database access over a real Postgres, without instances: invocations that ask, in tests. */
import type { TestDatabase } from "../../catalog/test-database.ts";
import type { Caller } from "../../functions/call.ts";
import type { FunctionVersion } from "../../functions/function.ts";
import { defaultOptions } from "../../functions/option-table.ts";
import { createDatabaseAccess, type DatabaseAccess } from "./database-access.ts";

export interface TestInvocation extends Disposable {
  /** Answers with the value; `op` without `db.`. */
  call(op: string, input: unknown): Promise<unknown>;
  query(
    sql: string,
    params?: unknown,
    more?: Readonly<Record<string, unknown>>,
  ): Promise<TestResult>;
  /** The first column of the first row. */
  value(sql: string, params?: unknown, more?: Readonly<Record<string, unknown>>): Promise<unknown>;
  cancel(): void;
}

export interface TestResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly fields: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
}

export interface InvokeOptions {
  readonly functionId?: string;
  readonly role?: string | null;
  readonly service?: boolean;
  readonly serviceRole?: boolean;
}

export interface TestAccess extends AsyncDisposable {
  readonly access: DatabaseAccess;
  invoke(options?: InvokeOptions): TestInvocation;
}

export function startTestAccess(
  database: TestDatabase,
  sizes: { readonly connections?: number; readonly connectionsPerFunction?: number } = {},
): TestAccess {
  const access = createDatabaseAccess({
    platform: database.admin,
    connection: database.config,
    connections: 8,
    connectionsPerFunction: 4,
    ...sizes,
  });
  let count = 0;
  return {
    access,
    invoke(options = {}) {
      const { functionId = "1", role = null, service = false, serviceRole = false } = options;
      const controller = new AbortController();
      const caller: Caller = { role, service };
      const context = {
        // Only these of a version matter here.
        version: {
          functionId,
          name: "f",
          options: { ...defaultOptions, serviceRole },
        } as FunctionVersion,
        instanceId: "i1",
        invocation: { executionId: `e${++count}`, caller },
        signal: controller.signal,
      };
      const call = async (op: string, input: unknown) => {
        const operation = access.operations[`db.${op}`];
        if (operation === undefined) throw new Error(`no operation ${op}`);
        return JSON.parse(await operation(input, context));
      };
      const query: TestInvocation["query"] = async (sql, params, more = {}) =>
        await call("query", {
          sql,
          ...params === undefined ? {} : { params },
          ...more,
        }) as TestResult;
      const cancel = () => controller.abort(new Error("the call is over"));
      return {
        call,
        query,
        value: async (...args) => (await query(...args)).rows[0]?.[0],
        cancel,
        [Symbol.dispose]: cancel,
      };
    },
    [Symbol.asyncDispose]: () => access[Symbol.asyncDispose](),
  };
}
