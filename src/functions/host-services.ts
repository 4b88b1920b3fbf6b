/**
 * What a running function may ask of the platform, and how it asks: the contract between the clients
 * inside instances (one per language) and the services outside (src/hostcalls).
 *
 * **Transport** (src/protocol/host-message.ts). A request is the JSON `{"op": "db.query", "input": …}`
 * in `hostCall` frames, its reply the JSON `{"value": …}` or `{"error": {"name", "message", …}}` in
 * `hostReply` frames; the frame's call id is that of the invocation that asks, 0 outside any. Ids of
 * host calls rise within an instance. Replies come in any order. A cancelled invocation's host calls
 * are aborted and may stay without a reply: the client rejects them itself.
 *
 * **Errors** always have `name` and `message`. `name` is `"DatabaseError"` for what Postgres answered,
 * with `code` (SQLSTATE) and, where Postgres sent them, `severity`, `detail`, `hint`, `position`,
 * `where`, `schema`, `table`, `column`, `dataType`, `constraint`; otherwise it is `"HostError"`, with
 * `code` an `ErrorCode` of base/errors.ts and perhaps `hint`. Clients raise an exception of that name
 * with all fields as its properties. Unknown fields of inputs are refused.
 *
 * **Database.** Ops that take `target` fields accept `as` (`"caller"`, the default, or `"service"`) or
 * else `session`, the number of an open session; a session keeps one connection until it is closed or
 * the invocation ends, which rolls back whatever is open. Without a session every op uses a connection
 * of its own for as long as it lasts.
 *
 * | op                | input                                      | value                          |
 * | ----------------- | ------------------------------------------ | ------------------------------ |
 * | `db.query`        | target, `sql`, `params?`                   | result                         |
 * | `db.insert`       | target, `table`, `rows`                    | result (of `RETURNING *`)      |
 * | `db.select`       | target, `table`, `where?`, `params?`       | result                         |
 * | `db.update`       | target, `table`, `set`, `where`, `params?` | result without rows            |
 * | `db.remove`       | target, `table`, `where`, `params?`        | result without rows            |
 * | `db.open`         | `as?`                                      | `{"session": n}`               |
 * | `db.begin`        | target, `isolation?`, `readOnly?`          | `{"session": n}`               |
 * | `db.commit`       | `session`                                  | `null`                         |
 * | `db.rollback`     | `session`                                  | `null`                         |
 * | `db.close`        | `session`                                  | `null`                         |
 * | `db.cursor.open`  | target, `sql`, `params?`                   | `{"cursor": n, "fields": […]}` |
 * | `db.cursor.read`  | `cursor`                                   | `{"rows": […], "done": bool}`  |
 * | `db.cursor.close` | `cursor`                                   | `null`                         |
 *
 * - `params`: a list whose places are written `$1` or `?` or `%s` in the SQL, one way per statement. Or
 *   an object whose names are written `%(name)s`.
 * - *parameter*: `null`; a string, which Postgres reads as whatever the place wants (so integers beyond
 *   2^53, decimals, dates in ISO 8601, bytes as `\x…` travel as strings); a number; a boolean; or
 *   `{"json": "<text>"}` for a list or an object, its JSON text: it becomes an array where the place
 *   wants an array, and JSON elsewhere. Numbers in that text keep all their digits.
 * - *result*: `{"command": "SELECT", "rowCount": n | null, "fields": [{"name", "type", "typeId"}],
 *   "rows": [[value, …], …]}`. `type` is as `format_type` prints it (`bigint`, `text[]`).
 * - *value* in rows: as `to_jsonb` renders it. Numbers carry all their digits (a client must not squeeze
 *   a bigint or numeric into a double), `NaN` and the infinities are strings, bytea is `"\\x…"`, times
 *   are ISO 8601, arrays are lists, composites are objects, json and jsonb are themselves.
 * - `rows` of `db.insert`: a list of objects column → parameter. `set`: the same object. `table`: a name,
 *   or `schema.name`; both parts and all columns are quoted as they are written.
 * - `where`: an object column → parameter (a list in `{"json": …}` means any of these, null means IS
 *   NULL), or SQL text with `params`. For update and remove an empty one is refused.
 * - `db.begin` without a session opens one that the commit or rollback closes again. `isolation`:
 *   `"read committed"`, `"repeatable read"`, `"serializable"`. A commit of a failed transaction is an
 *   error (`25P02`), and has rolled back.
 * - `db.cursor.read` answers with about a megabyte of rows at a time. A cursor without a session has a
 *   connection of its own until it is closed or done.
 *
 * **kv.** Keys are text of 1 to 512 bytes of UTF-8, values any JSON of up to 1 MiB; all functions of a
 * namespace share them. `ttl` counts seconds, to the millisecond. Ops also work outside invocations.
 *
 * | op                 | input                                          | value                          |
 * | ------------------ | ---------------------------------------------- | ------------------------------ |
 * | `kv.get`           | `key`                                          | `{"value": …}` or `null`       |
 * | `kv.set`           | `key`, `value`, `ttl?`                         | `null`                         |
 * | `kv.delete`        | `key`                                          | whether it was there           |
 * | `kv.increment`     | `key`, `by?` (1), `ttl?` (of a new key)        | the new number                 |
 * | `kv.compareAndSet` | `key`, `expected?`, `value`, `ttl?`            | whether it was set             |
 * | `kv.list`          | `prefix?`, `after?`, `limit?` (100, to 1000)   | `{"keys": […], "next": key or null}` |
 *
 * `kv.compareAndSet` without `expected` sets only what is not there. `kv.list` goes by bytes of UTF-8;
 * `next` is the `after` of the following page.
 *
 * **storage.read**: `bucket`, `name`, `offset?` (0), `length?` (a megabyte, its maximum), `etag?` (fails
 * when the object has another by now) → `{"object": {"bucket", "name", "size", "contentType", "etag",
 * "uploadedAt"}, "data": base64}`, or `null` where there is no object. For the buckets of the function's
 * own upload triggers.
 *
 * **metric**: `name` (`[a-zA-Z_][a-zA-Z0-9_]{0,63}`), `value` (a finite number) → `null`.
 */
import type { Caller } from "./call.ts";
import type { FunctionVersion } from "./function.ts";

/** The invocation that asks. */
export interface HostCallInvocation {
  readonly executionId: string;
  readonly caller: Caller;
}

/** Who asks. */
export interface HostCallContext {
  readonly version: FunctionVersion;
  readonly instanceId: string;
  /** `null` outside any invocation, such as while the module is imported. */
  readonly invocation: HostCallInvocation | null;
  /**
   * Aborted when nobody waits for the answer any more: the invocation is over, was cancelled or timed
   * out, or the instance is gone. The same object for all host calls of one invocation: what outlives a
   * single host call hangs on it.
   */
  readonly signal: AbortSignal;
}

/** Implemented by `hostcalls/`, called by the runtime. */
export interface HostServices {
  /**
   * Answers with the JSON text of the value. Throws `OrlaError` or {@link HostCallError}. `input` is
   * what an untrusted function sent: any JSON.
   */
  call(op: string, input: unknown, context: HostCallContext): Promise<string>;
}

/** What the function is told of a failure; every field is shown to it. */
export interface HostErrorFields {
  readonly name: string;
  readonly message: string;
  readonly [field: string]: string | number | boolean;
}

/** A failure with fields of its own, such as those of a Postgres error. */
export class HostCallError extends Error {
  readonly fields: HostErrorFields;

  constructor(fields: HostErrorFields) {
    super(fields.message);
    this.fields = fields;
  }
}
