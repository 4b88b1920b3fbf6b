/** What the platform adds to the global names: the database, stores, metrics, and what it knows about a call. */
import { type ConnectOptions, type Database, openDatabase, openSession } from "./database.ts";
import { getExecutionContext } from "./execution-context.ts";
import { hostCall } from "./host-client.ts";
import { kv } from "./key-value.ts";
import { storage } from "./object-storage.ts";

const { isFinite } = Number;
const metricName = /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/;
const { test } = RegExp.prototype;
const { apply } = Reflect;
const ignore = () => {};

/** A way to the database that takes a connection of the node's for each statement. */
function connectToDatabase(options?: ConnectOptions): Promise<Database> {
  return new Promise((resolve) => resolve(openDatabase(options)));
}

/** A connection for several statements; `release()` gives it back. */
function getDbConnection(options?: ConnectOptions): Promise<Database> {
  return openSession(options);
}

/** Adds to a metric of the function's own. Counted elsewhere, so that there is nothing to wait for. */
function recordMetric(name: string, value = 1): void {
  if (typeof name !== "string" || !apply(test, metricName, [name])) {
    throw new TypeError("a metric's name consists of 1 to 64 letters, digits and underscores");
  }
  if (typeof value !== "number" || !isFinite(value)) {
    throw new TypeError("a metric's value must be a finite number");
  }
  hostCall("metric", { name, value }).catch(ignore);
}

export function installPlatformGlobals(): void {
  const globals = {
    ...{ connectToDatabase, getDbConnection, getExecutionContext },
    ...{ recordMetric, kv, storage },
  };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}
