import { deepEqual, equal } from "node:assert/strict";
import { dueTicks, MOST_CAUGHT_UP } from "./due-ticks.ts";
import { parseSchedule } from "./schedule.ts";

const at = (text: string) => new Date(text);
const iso = (dates: readonly Date[]) => dates.map((date) => date.toISOString());

Deno.test("a tick is due once, and the next one comes after it", () => {
  const cron = parseSchedule("*/5 * * * *", "UTC");
  const from = at("2026-03-01T10:05:00Z");
  deepEqual(dueTicks(cron, from, at("2026-03-01T10:04:59Z"), "none"), { run: [], next: from });
  const { run, next } = dueTicks(cron, from, at("2026-03-01T10:05:00Z"), "none");
  deepEqual(iso(run), ["2026-03-01T10:05:00.000Z"]);
  equal(next?.toISOString(), "2026-03-01T10:10:00.000Z");
});

Deno.test("missed ticks: none, one or all of them are made up for", () => {
  const cron = parseSchedule("0 * * * *", "UTC");
  const from = at("2026-03-01T10:00:00Z");
  const now = at("2026-03-01T13:00:05Z");
  const run = (catchUp: "none" | "one" | "all") => iso(dueTicks(cron, from, now, catchUp).run);
  const last = "2026-03-01T13:00:00.000Z";
  deepEqual(run("none"), [last]);
  deepEqual(run("one"), ["2026-03-01T12:00:00.000Z", last]);
  deepEqual(run("all"), [
    "2026-03-01T10:00:00.000Z",
    "2026-03-01T11:00:00.000Z",
    "2026-03-01T12:00:00.000Z",
    last,
  ]);
});

Deno.test("of a long backlog only the latest ticks are made up for", () => {
  const cron = parseSchedule("* * * * *", "UTC");
  const { run } = dueTicks(cron, at("2026-03-01T00:00:00Z"), at("2026-03-03T00:00:40Z"), "all");
  equal(run.length, MOST_CAUGHT_UP);
});

/** Minute by minute, as a clock on a wall shows them: what a schedule's ticks are by definition. */
function oracle(
  matches: (parts: { hour: number; minute: number }) => boolean,
  timezone: string,
  from: Date,
  to: Date,
): string[] {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: timezone,
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
  const found: string[] = [];
  for (let t = from.getTime(); t <= to.getTime(); t += 60_000) {
    const [hour = 0, minute = 0] = format.format(t).split(":").map(Number);
    if (matches({ hour: hour % 24, minute })) found.push(new Date(t).toISOString());
  }
  return found;
}

function ticks(schedule: string, timezone: string, from: Date, to: Date): string[] {
  const cron = parseSchedule(schedule, timezone);
  const found: string[] = [];
  for (let tick = cron.nextRun(new Date(from.getTime() - 1)); tick !== null && tick <= to;) {
    found.push(tick.toISOString());
    tick = cron.nextRun(tick);
  }
  return found;
}

for (const [name, day] of [["spring", "2026-03-29"], ["autumn", "2026-10-25"]] as const) {
  const from = at(`${day}T00:00:00Z`);
  const to = at(`${day}T04:00:00Z`);
  Deno.test(`every quarter of an hour through the clock change in ${name}, as a brute-force clock has it`, () => {
    deepEqual(
      ticks("*/15 * * * *", "Europe/Madrid", from, to),
      oracle(({ minute }) => minute % 15 === 0, "Europe/Madrid", from, to),
    );
  });
}

Deno.test("an hour that the clocks skip, and one that they repeat, have exactly one daily run", () => {
  const days = (schedule: string, day: string) =>
    ticks(schedule, "Europe/Madrid", at(`${day}T00:00:00Z`), at(`${day}T23:59:59Z`));
  equal(days("30 2 * * *", "2026-03-29").length, 1);
  equal(days("30 2 * * *", "2026-10-25").length, 1);
});

Deno.test("seconds, names, and what is none of them", () => {
  equal(
    ticks("*/10 * * * * *", "UTC", at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:59Z")).length,
    6,
  );
  equal(ticks("@daily", "UTC", at("2026-01-01T00:00:00Z"), at("2026-01-02T23:00:00Z")).length, 2);
  equal(
    ticks("0 0 L 2 *", "UTC", at("2028-01-01T00:00:00Z"), at("2029-01-01T00:00:00Z"))[0],
    "2028-02-29T00:00:00.000Z",
  );
  equal(
    ticks("0 0 * * MON#2", "UTC", at("2026-03-01T00:00:00Z"), at("2026-03-31T00:00:00Z"))[0],
    "2026-03-09T00:00:00.000Z",
  );
  for (
    const wrong of [
      ...[
        "",
        "* * *",
        "61 * * * *",
        "0 0 30 2 *",
        "every day",
        "*/0 * * * *",
        "@every 5m",
        "@reboot",
      ],
      // What croner would read, but not go on with: a moment, and years.
      ...["2030-01-01T00:00:00", "0 0 0 1 1 * 2031"],
    ]
  ) {
    let message = "";
    try {
      parseSchedule(wrong, "UTC");
    } catch (thrown) {
      message = String(thrown);
    }
    equal(message.includes("is no schedule"), true, wrong);
  }
});
