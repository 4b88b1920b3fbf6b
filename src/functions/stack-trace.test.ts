import { equal } from "node:assert/strict";
import { compileModule } from "./compile.ts";
import { moduleFileName, rewriteStack, sourceFileName } from "./stack-trace.ts";

const suffix = "/i-12ab/greet.js";
const url = `file:///run/orla/x${suffix}`;

Deno.test("frames of the platform go, the author's stay", () => {
  const stack = `TypeError: x is not a function
    at inner (${url}:3:9)
    at Array.map (<anonymous>)
    at async Promise.all (index 0)
    at async main (${url}:12:3)
    at async ${url}:20:1
    at new Foo (${url}:1:2)
    at eval (eval at main (${url}:3:9), <anonymous>:1:1)
    at Object.apply (<anonymous>)
    at invoke (file:///opt/orla/src/sandbox/javascript/bootstrap.ts:10:5)
    at node:internal/process:1:1
    at ext:core/01_core.js:200:3`;
  equal(
    rewriteStack(stack, { fileName: "greet.ts", moduleUrlSuffix: suffix, sourceMap: null }),
    `TypeError: x is not a function
    at inner (greet.ts:3:9)
    at Array.map (<anonymous>)
    at async Promise.all (index 0)
    at async main (greet.ts:12:3)
    at async greet.ts:20:1
    at new Foo (greet.ts:1:2)
    at eval (eval at main (greet.ts:3:9), <anonymous>:1:1)`,
  );
});

Deno.test("messages and causes stay, without the platform's paths", () => {
  const stack = `Error: cannot read ${url}
second line
    at main (${url}:1:1)
    at run (ext:x.js:1:1)
Caused by: Error: file:///elsewhere${suffix}.map ${suffix}
    at ext:y.js:1:1`;
  equal(
    rewriteStack(stack, { fileName: "greet.js", moduleUrlSuffix: suffix, sourceMap: null }),
    `Error: cannot read greet.js
second line
    at main (greet.js:1:1)
Caused by: Error: greet.js.map ${suffix}`,
  );
});

Deno.test("lines and columns of rewritten TypeScript are the author's", async () => {
  const code = `enum Color { Red }
export function main(): never {
  const color: Color = Color.Red;
  throw new Error(String(color));
}`;
  const fn = { name: "greet", language: "typescript" } as const;
  const module = compileModule({ ...fn, code, parameters: null });
  const blob = URL.createObjectURL(new Blob([module.code], { type: "text/javascript" }));
  const { __orla_handler__: main } = await import(blob);
  let stack = "";
  try {
    main();
  } catch (error) {
    stack = (error as Error).stack ?? "";
  } finally {
    URL.revokeObjectURL(blob);
  }
  const rewritten = rewriteStack(stack.replaceAll(blob, url), {
    fileName: sourceFileName(fn),
    moduleUrlSuffix: suffix,
    sourceMap: module.sourceMap,
  });
  const column = (code.split("\n")[3] ?? "").indexOf("new Error") + 1;
  equal(rewritten, `Error: 0\n    at main (greet.ts:4:${column})`);
});

Deno.test("file names are safe whatever the function is called", () => {
  equal(moduleFileName({ name: "greet", language: "typescript" }), "greet.js");
  equal(moduleFileName({ name: "../a b/é", language: "javascript" }), "___a_b__.js");
  equal(sourceFileName({ name: "x.y", language: "typescript" }), "x_y.ts");
});
