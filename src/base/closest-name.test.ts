import { equal } from "node:assert/strict";
import { closestName, editDistance } from "./closest-name.ts";

Deno.test("editDistance counts insertions, deletions, replacements and swaps", () => {
  const cases: ReadonlyArray<readonly [string, string, number]> = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "", 3],
    ["MEMORY", "MEMORY", 0],
    ["MEMROY", "MEMORY", 1],
    ["MEMRY", "MEMORY", 1],
    ["MEEMORY", "MEMORY", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, distance] of cases) equal(editDistance(a, b), distance, `${a} ${b}`);
});

Deno.test("closestName suggests only what is near", () => {
  const names = ["MEMORY", "TIMEOUT", "AUTH"];
  equal(closestName("MEMROY", names), "MEMORY");
  equal(closestName("TIMOUT", names), "TIMEOUT");
  equal(closestName("AUHT", names), "AUTH");
  equal(closestName("COLOUR", names), undefined);
  equal(closestName("X".repeat(1000), names), undefined);
});
