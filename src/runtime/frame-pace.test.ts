import { equal, ok } from "node:assert/strict";
import { FramePace } from "./frame-pace.ts";

function readFor(ms: number, framesPerRead: number, readMs: number): number {
  const pace = new FramePace(0);
  let frames = 0;
  for (let now = 0; now < ms;) {
    for (let i = 0; i < framesPerRead; i++) pace.count();
    frames += framesPerRead;
    now += readMs;
    now += pace.pauseMs(now);
  }
  return frames;
}

Deno.test("a flood is read at the pace, after the burst", () => {
  const frames = readFor(10_000, 6_500, 1);
  ok(frames < 1_000_000 + 50_000 + 10_000, `${frames}`);
  ok(frames > 900_000, `${frames}`);
});

Deno.test("a busy honest instance is never paused", () => {
  const pace = new FramePace(0);
  for (let now = 1; now < 10_000; now++) {
    for (let i = 0; i < 80; i++) pace.count();
    equal(pace.pauseMs(now), 0);
  }
});
