/** A Postgres error as the function is told of it. */
import pg from "pg";
import { HostCallError } from "../../functions/host-services.ts";

/** Field names of `pg` and what they are called in the contract: the same, but for those left out. */
const shown = [
  ...["severity", "detail", "hint", "position", "where"],
  ...["schema", "table", "column", "dataType", "constraint"],
] as const;

const PERMISSION_DENIED = "42501";

/** Anything else is returned as it is. `role` is the acting role. */
export function toHostError(thrown: unknown, role: string): unknown {
  if (!(thrown instanceof pg.DatabaseError)) return thrown;
  const fields: Record<string, string> = {};
  for (const name of shown) {
    const value = thrown[name];
    if (value !== undefined) fields[name] = value;
  }
  if (thrown.code === PERMISSION_DENIED) {
    fields["hint"] ??= `The function acts as role "${role}" here: GRANT it the right.`;
  }
  const { message, code = "XX000" } = thrown;
  return new HostCallError({ name: "DatabaseError", message, code, ...fields });
}

/** A failure with a SQLSTATE that we find ourselves. */
export function databaseError(code: string, message: string, hint?: string): HostCallError {
  return new HostCallError({
    name: "DatabaseError",
    message,
    code,
    ...hint === undefined ? {} : { hint },
  });
}
