import assert from "node:assert/strict";
import { Failure, PythonInstance } from "./python-instance.ts";

async function failureOf(promise: Promise<unknown>): Promise<Failure["error"]> {
  const failure: unknown = await promise.catch((error) => error);
  assert(failure instanceof Failure, String(failure));
  return failure.error;
}

/** Carets under expressions came with Python 3.11. */
function withoutCarets(stack: string | undefined): string {
  return (stack ?? "").split("\n").filter((line) => !/^\s*[~^]+\s*$/.test(line)).join("\n");
}

Deno.test("stacks show the author's file and lines and nothing else", async () => {
  await using instance = await PythonInstance.start({
    name: "greet",
    code: `import json

def parse(text):
    return json.loads(text)

def main(text):
    try:
        return parse(text)
    except ValueError as error:
        raise KeyError("nothing") from error
`,
  });
  const error = await failureOf(instance.payload("{"));
  assert.equal(error.name, "KeyError");
  assert.equal(error.message, "'nothing'");
  assert.equal(
    withoutCarets(error.stack),
    `Traceback (most recent call last):
  File "greet.py", line 8, in main
    return parse(text)
  File "greet.py", line 4, in parse
    return json.loads(text)
json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "greet.py", line 10, in main
    raise KeyError("nothing") from error
KeyError: 'nothing'`,
  );
});

Deno.test("the same in coroutines and generators", async () => {
  for (
    const [head, call] of [["async def main(x):", "await helper(x)"], [
      "async def main(x):",
      "yield await helper(x)",
    ]]
  ) {
    await using instance = await PythonInstance.start({
      code: `
async def helper(x):
    raise RuntimeError(x)

${head}
    ${call}
`,
    });
    const error = await failureOf(instance.payload("no"));
    assert.equal(
      withoutCarets(error.stack),
      `Traceback (most recent call last):
  File "probe.py", line 6, in main
    ${call}
  File "probe.py", line 3, in helper
    raise RuntimeError(x)
RuntimeError: no`,
    );
  }
});

const broken: [title: string, code: string, name: string, message: RegExp][] = [
  ["a mistake in the module", "import json\njson.nope\ndef main(): pass", "AttributeError", /nope/],
  ["a missing import", "import nowhere\ndef main(): pass", "ModuleNotFoundError", /'nowhere'/],
  ["a syntax error", "def main(:\n    pass", "SyntaxError", /syntax|expected|parenthes/],
  ["no handler", "x = 1", "TypeError", /defines no function `main` or `handler` or `fetch`/],
  ["an exit", "import sys\nsys.exit(3)", "SystemExit", /sys\.exit\(3\)/],
];

for (const [title, code, name, message] of broken) {
  Deno.test(`${title} fails the import`, async () => {
    await using instance = await PythonInstance.blank({ code });
    instance.assign();
    const error = await failureOf(instance.ready);
    assert.equal(error.name, name);
    assert.match(error.message, message);
    if (title === "a mistake in the module") {
      assert.match(error.stack ?? "", /probe\.py", line 2, in <module>/);
    }
    assert.doesNotMatch(error.stack ?? "", /_orla|sandbox|\/usr|\/root/);
  });
}

Deno.test("whatever is raised fails its call and no other", async () => {
  await using instance = await PythonInstance.start({
    code: `
import sys, threading
class Odd(Exception):
    def __str__(self): raise ValueError("never mind")
class Base(BaseException): pass
def recurse(n): return recurse(n + 1)
def main(what):
    if what == "exit": sys.exit("bye")
    if what == "interrupt": raise KeyboardInterrupt
    if what == "base": raise Base("base")
    if what == "odd": raise Odd
    if what == "generator": raise GeneratorExit
    if what == "recursion": return recurse(0)
    if what == "long": raise ValueError("x" * 1000000)
    if what == "memory": raise MemoryError
    if what == "surrogate": raise ValueError("\\ud800")
    return "fine"
`,
  });
  const names: [string, string, RegExp][] = [
    ["exit", "SystemExit", /^the code called sys\.exit\('bye'\)$/],
    ["interrupt", "KeyboardInterrupt", /^$/],
    ["base", "Base", /^base$/],
    ["odd", "Error", /unreadable/],
    ["generator", "GeneratorExit", /^$/],
    ["recursion", "RecursionError", /recursion/],
    ["long", "ValueError", /^x{16384}… \(1000000 characters\)$/],
    ["memory", "MemoryError", /^$/],
    ["surrogate", "ValueError", /./],
  ];
  for (const [what, name, message] of names) {
    const error = await failureOf(instance.payload(what));
    assert.equal(error.name, name, what);
    assert.match(error.message, message);
  }
  assert.equal(await instance.payload("fine"), "fine");
});

Deno.test("an exit in a task of the function's own does not stop the loop", async () => {
  await using instance = await PythonInstance.start({
    code: `
import asyncio, sys
async def leave(): sys.exit(1)
async def fail(): raise ValueError("alone")
async def main(what):
    if what: asyncio.ensure_future({"leave": leave, "fail": fail}[what]())
    await asyncio.sleep(0.01)
    return "here"
`,
  });
  assert.equal(await instance.payload("leave"), "here");
  assert.equal(await instance.payload(null), "here");
  const line = await instance.logged("SystemExit");
  assert.equal(line.level, "error");
  await instance.payload("fail");
  await instance.payload(null);
});

Deno.test("os._exit ends the process and nothing of the function's runs then", async () => {
  await using instance = await PythonInstance.start({
    code: `
import atexit, os
atexit.register(lambda: os.write(2, b"at exit"))
def main(): os._exit(7)
`,
  });
  await assert.rejects(instance.payload(1), { message: "Gone: the instance is gone" });
  assert.equal(await instance.exited, 7);
  assert.equal(await instance.stderr, "");
});

for (const style of ["def", "async def"]) {
  Deno.test(`the supervisor's end is that of an instance with \`${style}\``, async () => {
    await using instance = await PythonInstance.start({
      code: `
import atexit, os
atexit.register(lambda: os.write(2, b"at exit"))
os._exit = lambda *_: None
${style} main(): pass
`,
    });
    await instance.payload(1);
    instance.hangUp();
    assert.equal(await instance.exited, 1);
    assert.equal(await instance.stderr, "");
  });
}

Deno.test("a result that will be refused for its size is not sent", async () => {
  await using instance = await PythonInstance.start({
    maxResponseBytes: 1000,
    code: "def main(n): return 'x' * n",
  });
  assert.equal(String(await instance.payload(998)).length, 998);
  const error = await failureOf(instance.payload(999));
  assert.deepEqual([error.name, error.code], ["ResponseTooLarge", "response_too_large"]);
  const http = await failureOf(instance.http({ method: "POST" }, "999"));
  assert.equal(http.code, "response_too_large");
  await using roomy = await PythonInstance.start({ code: "def main(n): return 'x' * n" });
  assert.equal((await failureOf(roomy.payload(32 << 20))).code, "response_too_large");
  assert.equal((await roomy.http({ method: "POST" }, `${32 << 20}`)).body.length, (32 << 20) + 2);
});
