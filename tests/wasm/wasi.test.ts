/** WASI preview 1: programs, and libraries that import it. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { wasiFunctions } from "../../src/functions/compile-wasm-wasi.ts";
import { Wasi } from "../../src/sandbox/wasm/wasi.ts";
import { startRig, test } from "../runtime/rig.ts";
import { fixture, parametersOf, wasmVersion } from "./wasm-rig.ts";

test("a program: JSON in, JSON out, in fresh memory each time", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(fixture("rust-command"), { env: { GREETING: "Ahoj" } });
  deepStrictEqual(await rig.payload(fn, { a: [1, null] }), { got: { a: [1, null] } });
  deepStrictEqual(await rig.payload(fn, null), { got: null });
  deepStrictEqual(await rig.payload(fn, "args"), ["hello"]);
  strictEqual(await rig.payload(fn, "env"), "Ahoj");
  const seconds = await rig.payload(fn, "time") as number;
  ok(Math.abs(seconds - Date.now() / 1000) < 60, `${seconds}`);
  const random = new Set([await rig.payload(fn, "random"), await rig.payload(fn, "random")]);
  strictEqual(random.size, 2);
  strictEqual(await rig.payload(fn, "nothing"), null);
  strictEqual(await rig.payload(fn, "sleep"), null);
  strictEqual((await rig.payload(fn, "big") as string).length, 1_000_000);
  match(await rig.payload(fn, "file") as string, /pre-opened|capab|not permitted|descriptor/i);
});

test("a program: its errors, its log, and what is no JSON", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(fixture("rust-command"));
  await rejects(
    rig.payload(fn, "fail"),
    /ExitStatus: the program exited with status 3: this is why/,
  );
  await rejects(rig.payload(fn, "panic"), /RuntimeError: unreachable/);
  await rig.logged(({ message, level }) => level === "error" && message.includes("beyond repair"));
  await rejects(rig.payload(fn, "plain"), /is not JSON: not JSON/);
  strictEqual(await rig.payload(fn, "log"), null);
  await rig.logged(({ message }) => message === "first line");
  await rig.logged(({ message }) => message === "no end");
});

test("a program: declared parameters and results", async () => {
  await using rig = await startRig();
  const text = await wasmVersion(fixture("rust-command"), {
    ...{ parameters: parametersOf("what text"), returns: "text" },
  });
  strictEqual(await rig.payload(text, ["plain"], { shape: "arguments" }), "not JSON");
  strictEqual(await rig.payload(text, ["env"], { shape: "arguments" }), "");
  const several = await wasmVersion(fixture("rust-command"), {
    ...{ parameters: parametersOf("a integer, b text"), returns: "jsonb" },
  });
  deepStrictEqual(await rig.payload(several, [1, "x"], { shape: "arguments" }), {
    got: { a: 1, b: "x" },
  });
});

test("a library: initialised once, keeps its state, prints to the log", async () => {
  await using rig = await startRig();
  const fn = await wasmVersion(fixture("c-reactor"), {
    ...{ parameters: parametersOf("name text"), returns: "text" },
  });
  const call = () => rig.payload(fn, ["Ada"], { shape: "arguments" });
  strictEqual(await call(), "Ada: 101");
  strictEqual(await call(), "Ada: 102");
  await rig.logged(({ message }) => message === "counting for Ada");
  await rig.logged(({ message, level }) => level === "error" && message === "careful");
});

test("the functions of WASI that CREATE knows are those the sandbox has", () => {
  const wasi = new Wasi({ args: [], env: {}, stdin: new Uint8Array(), write: () => {} });
  deepStrictEqual(Object.keys(wasi.imports).sort(), [...wasiFunctions].sort());
  return Promise.resolve();
});
