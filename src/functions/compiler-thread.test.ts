import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import { compileModule } from "./compile.ts";
import { CompilerThread } from "./compiler-thread.ts";

const input = (code: string, language: "javascript" | "typescript" = "typescript") => ({
  code,
  language,
  name: "greet",
  parameters: null,
});

/** 100 bytes that take the TypeScript parser years. */
const slow = `let x = ${"<a>(".repeat(60)}b${")".repeat(60)}`;

Deno.test("the thread answers as compileModule does", async () => {
  await using compiler = new CompilerThread();
  const good = input("export const main = (a: number): number => a;");
  deepEqual(await compiler.compile(good), compileModule(good));
  await rejects(compiler.compile(input("let x: = 1")), (error) => {
    ok(error instanceof OrlaError);
    try {
      compileModule(input("let x: = 1"));
      return false;
    } catch (direct) {
      ok(direct instanceof OrlaError);
      for (const field of ["code", "message", "hint", "detail", "position"] as const) {
        equal(error[field], direct[field]);
      }
      return true;
    }
  });
});

Deno.test("code that never ends compiling is given up, and others go on", async () => {
  await using compiler = new CompilerThread({ timeoutMs: 1000 });
  const results = await Promise.allSettled([
    compiler.compile(input("function main() {}")),
    compiler.compile(input(slow)),
    compiler.compile(input("function handler() {}")),
  ]);
  deepEqual(results.map((r) => r.status === "fulfilled" ? r.value.style : r.reason.code), [
    "main",
    "invalid_code",
    "handler",
  ]);
});

Deno.test("an idle thread ends, and the next request starts another", async () => {
  await using compiler = new CompilerThread({ idleMs: 0 });
  equal((await compiler.compile(input("function main() {}"))).style, "main");
  equal(compiler.running, true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  equal(compiler.running, false);
  equal((await compiler.compile(input("function main() {}"))).style, "main");
});

Deno.test("stopping refuses what is under way and what waits", async () => {
  const compiler = new CompilerThread();
  const results = Promise.allSettled([
    compiler.compile(input(slow)),
    compiler.compile(input("function main() {}")),
  ]);
  await compiler[Symbol.asyncDispose]();
  deepEqual((await results).map((r) => r.status === "rejected" && r.reason.code), [
    "unavailable",
    "unavailable",
  ]);
  await rejects(compiler.compile(input("function main() {}")), { code: "unavailable" });
});
