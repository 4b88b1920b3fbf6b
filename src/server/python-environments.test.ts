import { deepEqual, equal, rejects } from "node:assert/strict";
import { loadConfig } from "./config.ts";
import { findPythonEnvironments } from "./python-environments.ts";

async function withPythons(run: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "orla-pythons-" });
  try {
    await Deno.chmod(root, 0o755);
    for (const directory of ["shims", "real", "closed", "venv/bin", "empty"]) {
      await Deno.mkdir(`${root}/${directory}`, { recursive: true, mode: 0o755 });
    }
    const program = new Uint8Array([0x7f, 0x45, 0x4c, 0x46]);
    await Deno.writeTextFile(`${root}/shims/python3`, "#!/bin/sh\n", { mode: 0o755 });
    for (const directory of ["real", "closed", "venv/bin"]) {
      await Deno.writeFile(`${root}/${directory}/python3`, program, { mode: 0o755 });
    }
    await Deno.chmod(`${root}/closed`, 0o700);
    await run(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const unset = { python: null, pythonPreload: ["numpy?"], pythonEnvs: {} };

Deno.test("the default is the first on the PATH that is a program, and that instances can read", () =>
  withPythons(async (root) => {
    const path = ["shims", "closed", "real"].map((name) => `${root}/${name}`).join(":");
    const find = async (ownUser: boolean) =>
      (await findPythonEnvironments({ config: unset, path, ownUser }))[0]?.interpreter;
    equal(await find(false), `${root}/closed/python3`);
    equal(await find(true), `${root}/real/python3`);
  }));

Deno.test("configured ones are interpreters or virtual environments, and must be there", () =>
  withPythons(async (root) => {
    const find = (python: string) =>
      findPythonEnvironments({ config: { ...unset, python }, path: "", ownUser: false });
    const preload = ["numpy?"];
    for (const path of [`${root}/venv`, `${root}/venv/bin/python3`]) {
      deepEqual(await find(path), [
        { name: "default", interpreter: `${root}/venv/bin/python3`, preload },
      ]);
    }
    await rejects(find(`${root}/nothing`), { message: /ORLA_PYTHON: .*nothing does not exist/ });
    await rejects(find(`${root}/empty`), { message: /neither an interpreter nor an environment/ });
    const config = {
      python: `${root}/venv`,
      pythonPreload: ["json"],
      pythonEnvs: {
        lab: { path: `${root}/real/python3`, preload: ["ast"] },
        web: { path: `${root}/venv` },
      },
    };
    const all = await findPythonEnvironments({ config, path: "", ownUser: false });
    deepEqual(all.map(({ name, preload }) => [name, preload]), [
      ["default", ["json"]],
      ["lab", ["ast"]],
      ["web", ["json?"]],
    ]);
  }));

Deno.test("ORLA_PYTHON_ENVS: pairs, JSON, objects", async () => {
  const load = async (value: string) =>
    (await loadConfig({
      flags: {},
      env: { ORLA_PYTHON_ENVS: value },
      workingDirectory: "/nowhere",
    })).pythonEnvs;
  deepEqual(await load("ml=/opt/ml, web=/opt/web"), {
    ml: { path: "/opt/ml" },
    web: { path: "/opt/web" },
  });
  deepEqual(
    await load('{"ml": {"path": "/opt/ml", "preload": ["numpy", "torch?"]}, "web": "/w"}'),
    {
      ml: { path: "/opt/ml", preload: ["numpy", "torch?"] },
      web: { path: "/w" },
    },
  );
  for (
    const wrong of [
      "ml",
      "ml=opt/ml",
      "default=/x",
      "=/x",
      "{",
      '{"a": 1}',
      '{"a": {"path": "/x", "y": 1}}',
    ]
  ) {
    await rejects(load(wrong), { message: /ORLA_PYTHON_ENVS must be name=/ }, wrong);
  }
});
