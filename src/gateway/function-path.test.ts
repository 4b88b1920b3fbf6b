import assert from "node:assert/strict";
import { functionNamesOf, namesOfId } from "./function-path.ts";

const plain = (name: string) => ({ namespace: "default", name });
const inNamespace = (namespace: string, name: string) => ({ namespace, name });

const paths: readonly [string, unknown][] = [
  ["/functions/v1/f", [plain("f")]],
  ["/functions/v1/f/", [plain("f")]],
  ["/functions/v1/a/b", [plain("a"), inNamespace("a", "b")]],
  ["/functions/v1/a/b/c/d", [plain("a"), inNamespace("a", "b")]],
  ["/functions/v1/a%2Fb/c", [inNamespace("a", "b")]],
  ["/functions/v1/h%C3%A9", [plain("hé")]],
  ["/functions/v1/a/%zz", [plain("a")]],
  ["/functions/v1/", []],
  ["/functions/v1//f", []],
  ["/functions/v1/%zz", []],
];
for (const [path, expected] of paths) {
  Deno.test(`functions at ${path}`, () => assert.deepEqual(functionNamesOf(path), expected));
}

Deno.test("ids are names, or namespace/name", () => {
  assert.deepEqual(namesOfId("f"), [plain("f")]);
  assert.deepEqual(namesOfId("a/b"), [inNamespace("a", "b")]);
  for (const bad of ["", "/", "a/", "/b", "a/b/c"]) assert.deepEqual(namesOfId(bad), []);
});
