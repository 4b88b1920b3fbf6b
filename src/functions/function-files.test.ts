import { deepEqual, equal, rejects } from "node:assert/strict";
import { resolveFiles } from "./function-files.ts";

async function withFiles(run: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "orla-files-" });
  try {
    await Deno.chmod(root, 0o755);
    await Deno.mkdir(`${root}/models`, { mode: 0o755 });
    await Deno.writeTextFile(`${root}/models/a.pkl`, "a", { mode: 0o644 });
    await Deno.writeTextFile(`${root}/own.txt`, "own", { mode: 0o600 });
    await Deno.symlink("models/a.pkl", `${root}/inside`);
    await Deno.symlink("/etc/hostname", `${root}/outside`);
    await run(await Deno.realPath(root));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const own = { forEveryUser: false };

Deno.test("files and directories are found below the files directory", () =>
  withFiles(async (root) => {
    deepEqual(await resolveFiles(root, ["models/a.pkl", "models", "inside"], own), [
      { name: "models/a.pkl", path: `${root}/models/a.pkl` },
      { name: "models", path: `${root}/models` },
      { name: "inside", path: `${root}/models/a.pkl` },
    ]);
    deepEqual(await resolveFiles(null, [], own), []);
  }));

Deno.test("names that lead elsewhere, or nowhere, are refused", () =>
  withFiles(async (root) => {
    const cases: readonly [name: string, message: RegExp][] = [
      ["..", /is no name of a file/],
      ["../x", /is no name of a file/],
      ["models/../../x", /is no name of a file/],
      ["/etc/passwd", /is no name of a file/],
      ["models//a.pkl", /is no name of a file/],
      ["./models", /is no name of a file/],
      ["a\0b", /is no name of a file/],
      ["outside", /leads out of the files directory/],
      ["nothing", /"nothing".* does not exist/],
      ["own.txt/x", /cannot be read/],
    ];
    for (const [name, message] of cases) {
      await rejects(resolveFiles(root, [name], own), { code: "invalid_option", message });
    }
    await rejects(resolveFiles(null, ["a"], own), { message: /no files directory/ });
    await rejects(resolveFiles(`${root}/gone`, ["a"], own), { message: /ORLA_FILES_DIR does not/ });
  }));

Deno.test("instances with users of their own need files that all may read", () =>
  withFiles(async (root) => {
    const all = { forEveryUser: true };
    equal((await resolveFiles(root, ["models/a.pkl"], all)).length, 1);
    await rejects(resolveFiles(root, ["own.txt"], all), {
      message: /cannot be read by instances/,
      hint: `Each instance has a user of its own: chmod o+r ${root}/own.txt`,
    });
    await Deno.chmod(`${root}/models`, 0o750);
    await rejects(resolveFiles(root, ["models/a.pkl"], all), {
      hint: `Each instance has a user of its own: chmod o+x ${root}/models`,
    });
  }));
