/** Cron expressions, read and computed by croner: five fields, six with seconds, `@daily` and its like. */
import { Cron } from "croner";
import { OrlaError } from "../../base/errors.ts";

/** What we promise; croner reads more, such as a moment in ISO 8601 and a seventh field for years. */
const promised = /^\s*(?:@\S+|\S+(?:\s+\S+){4,5})\s*$/;

/** Throws `invalid_option` for what is no schedule, or names no time zone. */
export function parseSchedule(schedule: string, timezone: string): Cron {
  if (!isTimezone(timezone)) {
    throw new OrlaError("invalid_option", `there is no time zone "${timezone}"`, {
      hint: "Use a name of the IANA database, such as 'Europe/Madrid' or 'UTC'.",
    });
  }
  try {
    if (!promised.test(schedule)) throw new Error("it has neither five fields nor six");
    // Paused: croner only computes; when a tick is due, the database decides who runs it.
    const cron = new Cron(schedule, { timezone, paused: true });
    if (cron.nextRun() === null) throw new Error("it never comes");
    return cron;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OrlaError("invalid_option", `"${schedule}" is no schedule: ${reason}`, {
      cause,
      hint: "Five fields (minute hour day month weekday), six with seconds first, or @daily.",
    });
  }
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
