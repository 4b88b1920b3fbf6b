/**
 * Rows in the text format of COPY (https://www.postgresql.org/docs/current/sql-copy.html): columns
 * separated by tabs, `\N` for NULL, backslash escapes.
 *
 * One row is one string made by concatenation: at 30,000 rows a second that is what the garbage
 * collector forgives.
 */
import type { Cause } from "../functions/call.ts";
import type { ExecutionEnd, ExecutionStart, LogEntry } from "../functions/execution.ts";

/** What is kept of one log message or error message. */
export const MAX_MESSAGE_LENGTH = 16_384;

/** Which node writes. */
export interface Origin {
  readonly nodeId: string;
  readonly region: string;
}

export const EXECUTION_COLUMNS = '"timestamp", function_id, execution_id, version, status, ' +
  "trigger, execution_time_ms, cold_start, cold_start_time_ms, error_code, error_message, " +
  "http_status, memory_used_mb, cpu_ms, role, trigger_name, event_id, region, node_id";

export const LOG_COLUMNS =
  '"timestamp", function_id, execution_id, version, level, message, truncated, region, node_id';

/** The last columns, the same in every row of a node. */
export function originSuffix(origin: Origin): string {
  return `\t${text(origin.region)}\t${text(origin.nodeId)}\n`;
}

/** `end` of `null`: still running. */
export function executionRow(
  start: ExecutionStart,
  end: ExecutionEnd | null,
  suffix: string,
): string {
  const head = time(start.startedAt) + "\t" + text(start.functionId) + "\t" + start.executionId +
    "\t" + start.version;
  const role = (start.role === null ? "\t\\N" : "\t" + text(start.role)) +
    (start.cause === null ? "\t\\N\t\\N" : causeText(start.cause)) + suffix;
  if (end === null) {
    return head + "\trunning\t" + start.trigger + "\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N" + role;
  }
  return head + "\t" + end.status + "\t" + start.trigger + "\t" + end.executionTimeMs +
    (end.coldStartTimeMs === null ? "\tf\t\\N" : "\tt\t" + end.coldStartTimeMs) +
    (end.errorCode === null ? "\t\\N" : "\t" + text(end.errorCode)) +
    (end.errorMessage === null ? "\t\\N" : "\t" + text(clip(end.errorMessage))) +
    (end.httpStatus === null ? "\t\\N" : "\t" + end.httpStatus) +
    (end.memoryUsedMb === null ? "\t\\N" : "\t" + end.memoryUsedMb) +
    (end.cpuMs === null ? "\t\\N" : "\t" + Math.round(end.cpuMs * 1000) / 1000) + role;
}

/** `order` tells lines of one millisecond apart: their times differ by so many microseconds. */
export function logRow(entry: LogEntry, order: number, suffix: string): string {
  const clipped = clip(entry.message);
  return time(entry.at, order) + "\t" + text(entry.functionId) + "\t" +
    (entry.executionId ?? "\\N") +
    "\t" + entry.version + "\t" + entry.level + "\t" + text(clipped) +
    (clipped.length < entry.message.length ? "\tt" : "\tf") + suffix;
}

let lastMs = NaN;
let lastIso = "";

/** Rows of one millisecond are many: its digits are written once. */
function isoTime(milliseconds: number): string {
  const whole = Math.floor(milliseconds);
  if (whole !== lastMs) {
    lastIso = new Date(whole).toISOString();
    lastMs = whole;
  }
  return lastIso;
}

function time(milliseconds: number, microseconds = 0): string {
  const iso = isoTime(milliseconds);
  return microseconds === 0 ? iso : `${iso.slice(0, -1)}${String(microseconds).padStart(3, "0")}Z`;
}

/** In UTF-16 code units, without leaving half a surrogate pair. */
function clip(message: string): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message;
  const last = message.charCodeAt(MAX_MESSAGE_LENGTH - 1);
  const splitsPair = last >= 0xd800 && last < 0xdc00;
  return message.slice(0, splitsPair ? MAX_MESSAGE_LENGTH - 1 : MAX_MESSAGE_LENGTH);
}

const special = /[\\\t\n\r\0]/;
const allSpecial = /[\\\t\n\r\0]/g;
const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  // Text in Postgres cannot hold it: show that something was there.
  "\0": "\uFFFD",
};

function text(value: string): string {
  return special.test(value) ? value.replace(allSpecial, (char) => escapes[char] ?? char) : value;
}

function causeText({ triggerName, eventId }: Cause): string {
  return "\t" + text(triggerName) + (eventId === null ? "\t\\N" : "\t" + text(eventId));
}
