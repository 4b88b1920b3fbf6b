import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import {
  LOG_BURST_BYTES,
  LOG_BURST_LINES,
  LOG_BYTES_PER_SECOND,
  LOG_LINES_PER_SECOND,
  LogMeter,
} from "./log-meter.ts";

Deno.test("whatever comes, no more is kept than the burst and the rate allow", () => {
  const line = fc.record({
    waitMs: fc.integer({ min: 0, max: 50 }),
    bytes: fc.integer({ min: 0, max: 1 << 20 }),
    times: fc.integer({ min: 1, max: 1_000 }),
  });
  fc.assert(fc.property(fc.array(line, { maxLength: 100 }), (lines) => {
    let [now, keptLines, keptBytes, all, told] = [0, 0, 0, 0, 0];
    const meter = new LogMeter(now);
    for (const { waitMs, bytes, times } of lines) {
      now += waitMs;
      for (let i = 0; i < times; i++) {
        all++;
        if (meter.take(bytes, now)) {
          keptLines++;
          keptBytes += bytes;
        }
        told += meter.toTell(now);
      }
    }
    ok(keptLines <= LOG_BURST_LINES + now / 1000 * LOG_LINES_PER_SECOND);
    ok(keptBytes <= LOG_BURST_BYTES + now / 1000 * LOG_BYTES_PER_SECOND);
    equal(keptLines + told + meter.takeDropped(), all);
  }));
});

Deno.test("what was dropped is told once a second", () => {
  const meter = new LogMeter(0);
  while (meter.take(0, 0));
  equal(meter.toTell(0), 1);
  for (let i = 0; i < 10; i++) meter.take(0, 0);
  equal(meter.toTell(999), 0);
  equal(meter.toTell(1000), 10);
  equal(meter.toTell(5000), 0);
  ok(meter.take(0, 5000));
});
