import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import { type CompileInput, compileModule, maxModuleBytes } from "./compile.ts";
import type { CompiledModule, HandlerStyle, Language } from "./function.ts";

function compile(
  code: string,
  language: Language = "javascript",
  parameters: CompileInput["parameters"] = null,
): Promise<CompiledModule> {
  return Promise.resolve().then(() => compileModule({ code, language, name: "greet", parameters }));
}

/** Imports the module as an instance does. */
async function load(module: CompiledModule): Promise<Record<string, unknown>> {
  const url = URL.createObjectURL(new Blob([module.code], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function rejectsWith(
  promise: Promise<unknown>,
  expected: { code?: string; message?: string | RegExp; position?: number; hint?: string | RegExp },
): Promise<void> {
  await rejects(promise, (error) => {
    ok(error instanceof OrlaError, String(error));
    if (expected.code !== undefined) equal(error.code, expected.code, error.message);
    if (typeof expected.message === "string") equal(error.message, expected.message);
    else if (expected.message) match(error.message, expected.message);
    if (expected.position !== undefined) equal(error.position, expected.position, error.message);
    if (typeof expected.hint === "string") equal(error.hint, expected.hint);
    else if (expected.hint) match(error.hint ?? "", expected.hint);
    return true;
  });
}

const styles: ReadonlyArray<readonly [code: string, style: HandlerStyle]> = [
  // export default
  ["export default { fetch(request) { return new Response() } }", "web"],
  ["export default { ['fetch']: () => 1 }", "web"],
  ["const app = { fetch() {} }; export default app", "web"],
  ["const app = create(); export default app", "web"],
  ["export default (request) => new Response()", "web"],
  ["export default async function handler(req) { return new Response() }", "web"],
  ["export default function () {}", "web"],
  ["const serveIt = () => 1; export { serveIt as default }", "web"],
  ["export default { ...base }; const base = {}", "web"],
  ["export default function main(a) { return a }", "main"],
  ["function main(a) {} export default main", "main"],
  ["export default { other: 1 }; function main() {}", "main"],
  ["export default 42; function handler() {}", "handler"],
  // registered
  ["Deno.serve((request) => new Response())", "web"],
  ["Deno.serve({ port: 1 }, handler); function handler() {} function main() {}", "web"],
  ["globalThis.Deno['serve'](() => 1)", "web"],
  ["serve(async (req) => new Response())", "web"],
  ["addEventListener('fetch', (event) => event.respondWith(1))", "web"],
  ["self.addEventListener('fetch', () => {})", "web"],
  ["export default () => 1; Deno.serve(() => 2)", "web"],
  ["addEventListener('error', () => {}); function main() {}", "main"],
  ["const Deno = { serve() {} }; Deno.serve(); function main() {}", "main"],
  ["function serve() {} serve(); function main() {}", "main"],
  ["function main(serve) { serve(1) }", "main"],
  // CommonJS
  ["exports.handler = async (payload, sdk) => payload", "commonjs"],
  ["module.exports = (payload) => payload", "commonjs"],
  ["module.exports = { handler }; function handler() {}", "commonjs"],
  ["module.exports.handler = function () {}", "commonjs"],
  ["exports['handler'] = () => 1; function main() {}", "commonjs"],
  ["exports = module.exports = () => 1", "commonjs"],
  ["module.exports = { helper() {} }; function main() {}", "main"],
  ["exports.helper = 1; function handler() {}", "handler"],
  ["const exports = {}; exports.handler = 1; function main() {}", "main"],
  ["function main() { const module = {}; module.exports = 1 }", "main"],
  ["function main() { { var exports = {} } exports.handler = 1 }", "main"],
  ["try {} catch (exports) { exports.handler = 1 } function main() {}", "main"],
  ["for (const exports of []) exports.handler = 1; function main() {}", "main"],
  ["class A { static { var exports = {}; exports.handler = 1 } } function main() {}", "main"],
  ["const f = function exports() { exports.handler = 1 }; function main() {}", "main"],
  // main, handler, fetch
  ["function main(a, b) { return a + b }", "main"],
  ["async function main(input) {}", "main"],
  ["export function main(a) {}", "main"],
  ["export const main = async (a) => a", "main"],
  ["const main = compose(a, b)", "main"],
  ["let main; main = () => 1", "main"],
  ["const { main } = { main: () => 1 }", "main"],
  ["const [main = () => 1] = []", "main"],
  ["{ var main = () => 1 }", "main"],
  ["const x = () => 1; export { x as main }", "main"],
  ["const x = () => 1; export { x as 'handler' }", "handler"],
  ["function main() {} function handler() {} function fetch() {}", "main"],
  ["async function handler(req, client, serviceClient, utils) {}", "handler"],
  ["export const handler = async () => ({ status: 200 })", "handler"],
  ["function handler() {} function fetch() {}", "handler"],
  ["function fetch(request) { return new Response() }", "fetch"],
  ["export async function fetch(request) {}", "fetch"],
  ["import { randomUUID as main } from 'node:crypto'", "main"],
  // main with a request
  ["async function main(request) { return new Response() }", "fetch"],
  ["const main = (req) => new Response()", "fetch"],
  ["function main(request = null) {}", "fetch"],
  ["function main(requests) {}", "main"],
];

for (const [code, style] of styles) {
  Deno.test(`style ${style}: ${code}`, async () => {
    const module = await compile(code);
    equal(module.style, style);
    equal(module.sourceMap, null);
    ok(module.code.startsWith(code.slice(0, 6)));
  });
}

Deno.test("main(request) takes an argument when SQL parameters are declared", async () => {
  const code = "function main(request) {}";
  equal((await compile(code, "javascript", [{ name: "request" }])).style, "main");
  equal((await compile(code, "javascript", [])).style, "fetch");
});

Deno.test("main of a parameter typed Request takes a request", async () => {
  equal((await compile("function main(r: Request): Response {}", "typescript")).style, "fetch");
  equal((await compile("function main(r?:Request) {}", "typescript")).style, "fetch");
  equal((await compile("function main(r: RequestInfo) {}", "typescript")).style, "main");
  const rewritten = "enum E { a }\nconst main = (r: Request) => new Response();";
  equal((await compile(rewritten, "typescript")).style, "fetch");
});

Deno.test("the handler is exported under one name, after the last line", async () => {
  for (const code of ["function main(x) { return x * 2 }", "const main = (x) => x * 2 // end"]) {
    const module = await compile(code);
    equal(module.code, `${code}\nexport { main as __orla_handler__ };\n`);
    const { __orla_handler__: handler } = await load(module);
    ok(typeof handler === "function");
    equal(handler(21), 42);
  }
  const renamed = await load(await compile("const x = (n) => n + 1; export { x as handler }"));
  ok(typeof renamed["__orla_handler__"] === "function");
  equal(renamed["__orla_handler__"](1), 2);
});

Deno.test("TypeScript keeps lines and columns", async () => {
  const code = `interface User { name: string }
export async function main(user: User, n?: number): Promise<string> {
  const é: 日本 = user!.name as unknown as string;
  return \`\${é}\${n satisfies unknown}\`;
}
type 日本 = string;`;
  const module = await compile(code, "typescript");
  equal(module.sourceMap, null);
  const lines = module.code.split("\n");
  equal(lines[2]?.indexOf("user"), code.split("\n")[2]?.indexOf("user"));
  equal(lines[3]?.indexOf("return"), 2);
  const { __orla_handler__: main } = await load(module);
  ok(typeof main === "function");
  equal(await main({ name: "Ada" }, 1), "Ada1");
});

Deno.test("TypeScript whose types carry meaning is rewritten, with a source map", async () => {
  const code = `enum Color { Red = 2 }
namespace N { export const x = 40 }
class Point { constructor(public x: number) {} }
export const main = () => Color.Red + N.x + new Point(0).x;`;
  const module = await compile(code, "typescript");
  equal(JSON.parse(module.sourceMap ?? "{}").sources[0], "greet.ts");
  const { __orla_handler__: main } = await load(module);
  ok(typeof main === "function");
  equal(main(), 42);
});

Deno.test("imports that only types need are dropped", async () => {
  const code = `import type { A } from "npm:a";
import { type B } from "npm:b";
import { Client } from "@vendor/sdk";
import "jsr:@supabase/functions-js/edge-runtime.d.ts";
export function main(client: Client): A { return client as B }`;
  const module = await compile(code, "typescript");
  ok(!module.code.includes("import"), module.code);
  equal(module.code.indexOf("export function main"), code.indexOf("export function main"));
  await load(module);
});

Deno.test("serve of Deno's standard library is the global one", async () => {
  const code = `import { serve } from "https://deno.land/std@0.168.0/http/server.ts"
serve(async (req) => new Response("ok"));`;
  const module = await compile(code);
  equal(module.style, "web");
  equal(module.code, code.replace(/^.*/, (line) => " ".repeat(line.length)));

  const aliased = await compile(
    'import {\n  serve as run,\n} from "https://deno.land/std/http/server.ts";\nrun(() => 1)',
  );
  match(aliased.code, /^const run=serve; *\n *\n *\nrun\(\(\) => 1\)/);
  equal(aliased.style, "web");
});

Deno.test("built-in modules are imported by their full names", async () => {
  const module = await compile(`import { join } from "path";
import crypto from 'node:crypto';
export const main = async () => [join("a", "b"), (await import("util")).inspect(1), crypto];`);
  match(module.code, /from "node:path"/);
  match(module.code, /import\("node:util"\)/);
  await load(module);
});

const importErrors: ReadonlyArray<readonly [code: string, error: string, message: RegExp]> = [
  ['import { z } from ¶"npm:zod@3"', "not_supported", /imports from npm: are not supported yet/],
  ['import x from ¶"jsr:@std/path"', "not_supported", /imports from jsr: are not supported yet/],
  ['import x from ¶"https://esm.sh/x"', "not_supported", /imports from https: are not supported/],
  ["import x from ¶'./helpers.ts'", "not_supported", /imports of other files are not supported/],
  ["import x from ¶'/etc/passwd'", "not_supported", /imports of other files are not supported/],
  ["import x from ¶'zod'", "not_supported", /imports of packages are not supported yet/],
  ["import x from ¶'_shared/cors.ts'", "not_supported", /imports of packages are not supported/],
  ["import x from ¶'file:///etc/hostname'", "invalid_code", /file: modules cannot be imported/],
  ["import x from ¶'data:text/javascript,1'", "invalid_code", /data: modules cannot/],
  ["import x from ¶'blob:null/1'", "invalid_code", /blob: modules cannot/],
  ["import x from ¶'FILE:///etc/hostname'", "invalid_code", /file: modules cannot/],
  ["import x from ¶'node:nothing'", "invalid_code", /there is no module "node:nothing"/],
  ["import fs from ¶'node:fs'", "not_supported", /"node:fs" is not available: functions have no/],
  ["import fs from ¶'fs/promises'", "not_supported", /functions have no file system/],
  ["import x from ¶'node:child_process'", "not_supported", /cannot start processes/],
  ["import x from ¶'node:process'", "not_supported", /use the global process/],
  ["import x from ¶'node:vm'", "not_supported", /not available to functions/],
  ["import x from ¶'worker_threads'", "not_supported", /cannot start threads/],
  ["import x from ¶'node:sqlite'", "not_supported", /cannot open a database file/],
  ["import ¶'./side-effect.js'", "not_supported", /imports of other files/],
  ["export * from ¶'node:fs'", "not_supported", /no file system/],
  ["export { x } from ¶'npm:x'", "not_supported", /imports from npm:/],
  ["const x = await import(¶'npm:x')", "not_supported", /imports from npm:/],
  ["const x = await import(¶`node:fs`)", "not_supported", /no file system/],
  ["const fs = require(¶'fs')", "not_supported", /no file system/],
  ["const x = require(¶'./x')", "not_supported", /imports of other files/],
  [
    "import x from 'node:util' with { ¶type: 'text' }",
    "not_supported",
    /import attributes are not supported/,
  ],
  [
    "import { serveTls } from ¶'https://deno.land/std@0.1.0/http/server.ts'",
    "not_supported",
    /only "serve" of https:/,
  ],
];

for (const [marked, code, message] of importErrors) {
  Deno.test(`import refused: ${marked}`, async () => {
    const text = `// first line\n${marked.replace("¶", "")};\nfunction main() {}`;
    const position = `// first line\n${marked}`.indexOf("¶");
    await rejectsWith(compile(text), { code, message, position });
    await rejectsWith(compile(text), {
      message: new RegExp(`^Import in function greet, line 2, column ${marked.indexOf("¶") + 1}: `),
    });
  });
}

Deno.test("an import attribute is not taken for an import of types", async () => {
  await rejectsWith(compile("import 'node:util' with { type: 'text' }; f()", "typescript"), {
    code: "not_supported",
  });
});

Deno.test("computed imports and a local require are left to the sandbox", async () => {
  await compile("const name = 'node:' + 'fs'; export const main = () => import(name)");
  await compile("function require(x) {} require('fs'); function main() {}");
});

const syntaxErrors: ReadonlyArray<readonly [Language, string, RegExp, hint?: RegExp]> = [
  ["javascript", "function main() {\n  return 1 +¶;\n}", /Unexpected token ";"$/],
  ["javascript", "function main() {\n  foo(¶", /Unexpected end of the code$/],
  ["javascript", "function main() { retur ¶one }", /Unexpected token "one"$/],
  [
    "javascript",
    "const main = 1;\nconst ¶main = 2",
    /Identifier 'main' has already been declared$/,
  ],
  ["javascript", "¶return 1", /'return' outside of function$/, /put it in function main/],
  ["javascript", "¶with (a) {}", /'with' in strict mode$/, /only outside strict mode/],
  ["javascript", "const a = ¶010", /Invalid number$/, /only outside strict mode/],
  ["javascript", "function main(a¶: string) {}", /Unexpected token ":"$/],
  ["javascript", "¶@dec class A {}", /Unexpected character '@'$/, /Decorators/],
  ["typescript", "function main(a: string) {\n  const x: number = ¶;\n}", /Expression expected$/],
  ["typescript", "\tlet x =¶;", /Expression expected$/],
  ["typescript", "let é: string = 'é→'; 日 ¶日", /Expected ';', '}' or <eof>$/],
  ["typescript", "'a\u0301\u200b😀⌚🇩🇪한\t'; x ¶y", /Expected ';', '}' or <eof>$/],
  ["typescript", "enum A { x }\r\nlet z = ¶;", /Expression expected$/],
  ["typescript", "const a: number = 1;\nconst ¶a = 2", /Identifier 'a' has already been declared$/],
  ["typescript", "enum A { x }\n¶@dec class B {}", /Unexpected character '@'$/, /Decorators/],
  ["typescript", "type T = 1;\nexport { ¶T };\nfunction main() {}", /Export 'T'/, /export type/],
];

for (const [language, marked, message, hint] of syntaxErrors) {
  Deno.test(`syntax error in ${language}: ${JSON.stringify(marked)}`, async () => {
    const before = marked.slice(0, marked.indexOf("¶")).split(/\r?\n/);
    const place = `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
    await rejectsWith(compile(marked.replace("¶", ""), language), {
      code: "invalid_code",
      position: marked.indexOf("¶"),
      message: new RegExp(`^SyntaxError in function greet, ${place}: .*${message.source}`),
      ...(hint === undefined ? {} : { hint }),
    });
  });
}

Deno.test("the detail shows the line and a caret", async () => {
  await rejects(compile("\n\tfoo bar\n"), (error) => {
    ok(error instanceof OrlaError);
    equal(error.detail, "\tfoo bar\n\t    ^");
    return true;
  });
  await rejects(compile(`/* ${"x".repeat(300)} */ foo bar; /* ${"y".repeat(300)} */`), (error) => {
    ok(error instanceof OrlaError);
    const [line = "", caret = ""] = (error.detail ?? "").split("\n");
    match(line, /^…x+ \*\/ foo bar; \/\* y+…$/);
    equal(line.slice(caret.length - 1, caret.length + 2), "bar");
    return true;
  });
});

const missingHandlers: ReadonlyArray<readonly [code: string, hint: RegExp]> = [
  ["", /Define function main/],
  ["const x = 1", /Define function main/],
  ["function mian() {}", /Did you mean main instead of mian\?/],
  ["function compute() {}", /Rename compute to main/],
  ["export default class A {}", /Define function main/],
  ["export default { run() {} }", /Define function main/],
  ["function outer() { function main() {} }", /Rename outer/],
];

for (const [code, hint] of missingHandlers) {
  Deno.test(`no handler: ${code}`, async () => {
    await rejectsWith(compile(code), {
      code: "invalid_code",
      message: "the code of function greet has no handler",
      hint,
    });
  });
}

Deno.test("a handler that cannot be called is refused", async () => {
  for (const code of ["¶class main {}", "const ¶main = 42", "const ¶handler = { a: 1 }"]) {
    await rejectsWith(compile(code.replace("¶", "")), {
      code: "invalid_code",
      message: /^Handler in function greet, line 1, column \d+: \w+ is (a class|not a function)$/,
      position: code.indexOf("¶"),
    });
  }
});

Deno.test("the handler's export name is reserved", async () => {
  await rejectsWith(compile("function main() {}\nexport const __orla_handler__ = 1"), {
    code: "invalid_code",
    position: 32,
  });
});

Deno.test("code that is too large is refused", async () => {
  const code = (bytes: number) => `function main() {}/*${"é".repeat(bytes / 2)}*/`;
  await compile(code(maxModuleBytes - 100));
  await rejectsWith(compile(code(maxModuleBytes)), { code: "payload_too_large" });
});

Deno.test("code nested too deeply is refused, and the next compiles", async () => {
  for (const language of ["javascript", "typescript"] as const) {
    for (const code of ["[".repeat(100_000), "a+".repeat(300_000) + "a"]) {
      const result = await compile(`${code}; function main() {}`, language).catch((error) => error);
      ok(
        result instanceof OrlaError ? result.code === "invalid_code" : "style" in result,
        String(result),
      );
    }
    deepEqual((await compile("function main() {}", language)).style, "main");
  }
});
