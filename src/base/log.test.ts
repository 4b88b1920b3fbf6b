import assert from "node:assert/strict";
import { createLogger, type LogFormat, type LogLevel } from "./log.ts";

function capture(level: LogLevel, format: LogFormat, secrets: string[] = []) {
  const lines: string[] = [];
  const log = createLogger({
    level,
    format,
    secrets,
    write: (line) => lines.push(line),
    now: () => new Date(0),
  });
  return { log, lines };
}

Deno.test("lines below the level are not written", () => {
  const { log, lines } = capture("warn", "text");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assert.deepEqual(lines, [
    "1970-01-01T00:00:00.000Z warn  c\n",
    "1970-01-01T00:00:00.000Z error d\n",
  ]);
});

Deno.test("text puts fields after the message and quotes what needs it", () => {
  const { log, lines } = capture("info", "text");
  log.with({ part: "postgres" }).info("ready", { port: 5432, note: "two words", none: undefined });
  assert.equal(
    lines[0],
    `1970-01-01T00:00:00.000Z info  ready part=postgres port=5432 note="two words"\n`,
  );
});

Deno.test("a newline in a message or value cannot forge a line", () => {
  const { log, lines } = capture("info", "text");
  log.info("one\ntwo", { value: "three\nfour" });
  assert.equal(lines[0]?.split("\n").length, 2);
});

Deno.test("JSON is one object a line", () => {
  const { log, lines } = capture("info", "json");
  log.info("ready", { port: 1, error: new Error("no", { cause: new Error("why") }) });
  assert.deepEqual(JSON.parse(lines[0] ?? ""), {
    time: "1970-01-01T00:00:00.000Z",
    level: "info",
    message: "ready",
    port: 1,
    error: "no: why",
  });
});

Deno.test("secrets are masked in every spelling and place", () => {
  for (const format of ["text", "json"] as const) {
    const { log, lines } = capture("info", format, [`p@ss"word`, "abc"]);
    log.info(`at p@ss"word`, {
      url: "postgres://u:p%40ss%22word@h",
      error: new Error(`p@ss"word`),
    });
    log.info("abc stays: too short to tell from a word");
    assert.ok(!/p@ss|p%40ss/.test(lines.join("")), lines.join(""));
    assert.match(lines[1] ?? "", /abc stays/);
  }
});
