import { equal, throws } from "node:assert/strict";
import { parseLanguage } from "./language.ts";

Deno.test("languages by any of their names, in any letter case", () => {
  equal(parseLanguage("JavaScript"), "javascript");
  equal(parseLanguage("js"), "javascript");
  equal(parseLanguage("TYPESCRIPT"), "typescript");
  equal(parseLanguage("ts"), "typescript");
});

Deno.test("unknown languages are refused where they stand", () => {
  equal(parseLanguage("py"), "python");
  equal(parseLanguage("WebAssembly"), "wasm");
  throws(() => parseLanguage("javascrpt", 7), {
    code: "invalid_option",
    position: 7,
    hint: "Did you mean javascript?",
  });
  throws(() => parseLanguage("cobol"), { hint: "Use javascript, typescript, python or wasm." });
});
