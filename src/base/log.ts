/**
 * The platform's own log: one line an event, as text for people or JSON for collectors.
 *
 * Values registered as secrets never reach a line, wherever they stand in it: a connection string in
 * an error's message is the usual way out for a password.
 */

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof logLevels[number];
export type LogFormat = "text" | "json";

/** What goes beside the message. An `Error` is shown by its message; its stack only at `debug`. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with fields that every line carries, such as `{ part: "postgres" }`. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one line, newline included. */
  readonly write: (line: string) => void;
  /** Values that must never be printed. */
  readonly secrets?: readonly string[];
  readonly now?: () => Date;
}

/** Below this a "secret" is too likely to be part of ordinary words to be masked. */
const SHORTEST_MASKED_SECRET = 6;

export function createLogger(options: LoggerOptions): Logger {
  const lowest = logLevels.indexOf(options.level);
  const now = options.now ?? (() => new Date());
  const mask = masker(options.secrets ?? []);
  const render = options.format === "json" ? renderJson : renderText;

  const make = (own: LogFields): Logger => {
    const log = (level: LogLevel) => (message: string, fields: LogFields = {}) => {
      if (logLevels.indexOf(level) < lowest) return;
      const shown = Object.fromEntries(
        Object.entries({ ...own, ...fields }).map((
          [key, value],
        ) => [key, plain(value, lowest === 0)]),
      );
      options.write(mask(render(now(), level, message, shown)) + "\n");
    };
    return {
      debug: log("debug"),
      info: log("info"),
      warn: log("warn"),
      error: log("error"),
      with: (more) => make({ ...own, ...more }),
    };
  };
  return make({});
}

/** Drops everything: for tests and for embedding. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
};

function masker(secrets: readonly string[]): (text: string) => string {
  const values = secrets.filter((secret) => secret.length >= SHORTEST_MASKED_SECRET);
  // A secret may stand in a URL or in JSON: look for those spellings too.
  const spellings = new Set(
    values.flatMap((
      value,
    ) => [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]),
  );
  return (text) => {
    let masked = text;
    for (const spelling of spellings) masked = masked.replaceAll(spelling, "***");
    return masked;
  };
}

function plain(value: unknown, withStack: boolean): unknown {
  if (value instanceof Error) {
    if (withStack && value.stack !== undefined) return value.stack;
    const cause = value.cause instanceof Error ? `: ${value.cause.message}` : "";
    return value.message + cause;
  }
  if (typeof value === "bigint") return value.toString();
  return value;
}

function renderJson(at: Date, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ time: at.toISOString(), level, message, ...fields });
}

/** Newlines are escaped, so that nobody can forge a line by what they make us log. */
function renderText(at: Date, level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${textValue(value)}`);
  const flat = message.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
  return `${at.toISOString()} ${level.padEnd(5)} ${flat}${pairs.join("")}`;
}

function textValue(value: unknown): string {
  if (typeof value === "string") {
    return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
  }
  return JSON.stringify(value) ?? String(value);
}
