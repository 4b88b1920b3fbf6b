/** The process that reads Python code: when it starts, what it survives, when it ends. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { PythonReader, ReaderFailure } from "./python-reader.ts";

const INTERPRETER = "/usr/bin/python3";
const isThere = await Deno.stat(INTERPRETER).then(() => true, () => false);
const code = "def main(): pass";
const request = { code, parameters: null, requirements: [] };

function test(name: string, run: () => Promise<void>): void {
  Deno.test({ name: `python reader: ${name}`, ignore: !isThere, fn: run });
}

test("answers in order, one process for all", async () => {
  await using reader = new PythonReader(INTERPRETER);
  equal(reader.running, false);
  const answers = await Promise.all([
    reader.read(request),
    reader.read({ ...request, code: "def handler(payload): pass" }),
    reader.read({ ...request, code: "async def fetch(request): pass" }),
  ]);
  deepEqual(answers, [{ style: "main" }, { style: "handler" }, { style: "fetch" }]);
  ok(reader.running);
});

test("ends when nothing comes, and starts again", async () => {
  await using reader = new PythonReader(INTERPRETER, { idleMs: 1 });
  deepEqual(await reader.read(request), { style: "main" });
  while (reader.running) await new Promise((resolve) => setTimeout(resolve, 5));
  deepEqual(await reader.read(request), { style: "main" });
});

test("one that takes too long is killed, and the next is read", async () => {
  await using reader = new PythonReader(INTERPRETER, { timeoutMs: 300 });
  // Constants are folded: each line takes the compiler some 100 ms.
  const slow = `def main(): return [${"(".repeat(50)}${"1,".repeat(1_500_000)}${")".repeat(50)}]`;
  await rejects(
    reader.read({ ...request, code: slow }),
    (error) => error instanceof ReaderFailure && error.why === "timeout",
  );
  await using again = new PythonReader(INTERPRETER);
  deepEqual(await again.read(request), { style: "main" });
});

test("what is no interpreter is said to be none", async () => {
  await using missing = new PythonReader("/nowhere/python3");
  await rejects(missing.read(request), { why: "not started" });
  await using other = new PythonReader("/bin/false");
  await rejects(other.read(request), { why: "not started" });
});

test("what it reads is never run, not even its decorators and defaults", async () => {
  await using reader = new PythonReader(INTERPRETER);
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  const hostile = `open(${JSON.stringify(path)}, "w")\n@exit()\ndef main(a=exit()): pass`;
  deepEqual(await reader.read({ ...request, code: hostile }), { style: "main" });
  await rejects(Deno.stat(path), Deno.errors.NotFound);
});

test("requirements: names, versions, pre-releases", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const { success } = await new Deno.Command(INTERPRETER, {
      args: ["-m", "venv", "--without-pip", directory],
    }).output();
    ok(success);
    const [lib] = [...Deno.readDirSync(`${directory}/lib`)];
    const install = async (name: string, version: string) => {
      const info = `${directory}/lib/${lib?.name}/site-packages/${name}-${version}.dist-info`;
      await Deno.mkdir(info);
      await Deno.writeTextFile(
        `${info}/METADATA`,
        `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
      );
    };
    await install("stable", "1.10.0");
    await install("young", "2.0rc1");
    await install("daily", "3.1.dev4");
    await using reader = new PythonReader(`${directory}/bin/python3`);
    const met = [
      ...["stable", "Stable", "stable[extra]", "stable==1.10", "stable==1.10.0", "stable==1.*"],
      ...["stable>=1.9", "stable>1.9,<2", "stable~=1.4", "stable!=1.9.*", "stable<=1.10"],
      ...[
        "young>=2.0b2",
        "young<2.0rc2",
        "young==2.0rc1",
        "daily<3.2",
        "daily>3.0",
        "stable === 1.10.0",
      ],
    ];
    const unmet = [
      ...["stable>=1.11", "stable<1.10", "stable==1.1", "stable~=1.11", "stable!=1.*"],
      ...["young>=2", "young<2", "young>2.0rc1", "daily>=3.1", "daily<3.1", "stable~=1.9.0"],
    ];
    deepEqual(await reader.read({ ...request, requirements: met }), { style: "main" });
    const answer = await reader.read({ ...request, requirements: unmet });
    const missing = "missing" in answer ? answer.missing : [];
    deepEqual(missing.map((line) => line.split(" (")[0]), unmet);
    const odd = ["stable; python_version>'3'", "stable @ https://x", "", "stable>=", "../x"];
    const refused = await reader.read({ ...request, requirements: odd });
    equal("missing" in refused ? refused.missing.length : 0, odd.length);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
