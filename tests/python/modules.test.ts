import assert from "node:assert/strict";
import { PythonInstance } from "./python-instance.ts";

Deno.test("asyncio's loop at the import is the loop of the calls", async () => {
  await using instance = await PythonInstance.start({
    code: `
import asyncio
loop = asyncio.get_event_loop()
later = loop.create_future()
async def main():
    loop.call_soon(later.set_result, "done")
    return [await later, loop is asyncio.get_running_loop()]
`,
  });
  assert.deepEqual(await instance.payload(null), ["done", true]);
});

Deno.test("classes of the module can be pickled, and those of a main module unpickled", async () => {
  const pickled = new Deno.Command("python3", {
    args: [
      "-c",
      "import pickle, sys\nclass Model:\n    w = 2\n    def __init__(self): self.b = 1\n" +
      "sys.stdout.write(pickle.dumps(Model()).hex())",
    ],
  }).outputSync();
  await using instance = await PythonInstance.start({
    code: `
import dataclasses, pickle
@dataclasses.dataclass
class Point:
    x: "int"
class Model:
    w = 3
def main(data):
    model = pickle.loads(bytes.fromhex(data))
    return [pickle.loads(pickle.dumps(Point(5))).x, model.b, model.w, __name__]
`,
  });
  const data = new TextDecoder().decode(pickled.stdout);
  assert.deepEqual(await instance.payload(data), [5, 1, 3, "probe"]);
});

Deno.test("a function may have a library's name and import that library", async () => {
  for (const name of ["json", "this", "antigravity_free"]) {
    const lines = name === "antigravity_free"
      ? "value = 'own'"
      : `import ${name}\nvalue = ${name}.__name__ if ${name}.__file__ != __file__ else 'itself'`;
    await using instance = await PythonInstance.start({
      name,
      code: `${lines}\ndef main(): return value`,
    });
    assert.equal(await instance.payload(null), name === "antigravity_free" ? "own" : name);
  }
});

Deno.test("what the platform is made of is out of the way", async () => {
  await using instance = await PythonInstance.start({
    code: `
import builtins, os, sys
def main():
    return {
        "main": sys.modules["__main__"].__name__,
        "rehearsed": [name for name in sys.modules if "rehears" in name and not name.startswith("_orla")],
        "temporary": sys.modules["tempfile"].tempdir,
        "platform": sorted({name.split(".")[0] for name in sys.modules if "orla" in name}),
        "stdout": sys.stdout.isatty(),
    }
`,
  });
  assert.deepEqual(await instance.payload(null), {
    main: "probe",
    rehearsed: [],
    temporary: null,
    platform: ["_orla"],
    stdout: false,
  });
});
