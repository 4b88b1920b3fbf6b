/** Nothing of the platform is inside an instance: its arguments, environment, directory, descriptors. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { startRig, test, version } from "./rig.ts";

test("an instance holds its socket, its pipes and its counter, and no other descriptor", async () => {
  await using rig = await startRig();
  const pid = await rig.payload(version(`export const main = () => Deno.pid`));
  const targets: string[] = [];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    targets.push(await Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "closed"));
  }
  const kinds = targets.map((target) => target.replace(/[\d]+/g, "N")).toSorted();
  const known = new Set([
    "/dev/null", // standard input
    "pipe:[N]", // standard output and error
    "socket:[N]",
    "anon_inode:[eventpoll]",
    "anon_inode:[eventfd]",
    `${rig.directory.replace(/\d+/g, "N")}/iN/started`,
    "closed",
  ]);
  deepStrictEqual(kinds.filter((kind) => !known.has(kind)), []);
  // One to the supervisor, a pair, one end held twice, that Deno wakes itself with, and its output
  // and error output, which Deno holds twice.
  strictEqual(kinds.filter((kind) => kind === "socket:[N]").length <= 8, true, kinds.join());
});

test("arguments, working directory and limits", async () => {
  await using rig = await startRig();
  const seen = await rig.payload(version(`export const main = () => ({
    pid: Deno.pid, args: Deno.args, mainModule: Deno.mainModule ?? null, internal: typeof Deno.internal,
  })`)) as { pid: number };
  deepStrictEqual({ ...seen, pid: 0 }, {
    pid: 0,
    args: [],
    mainModule: null,
    internal: "undefined",
  });
  match(await Deno.readLink(`/proc/${seen.pid}/cwd`), /\/i\d+$/);
  const limits = await Deno.readTextFile(`/proc/${seen.pid}/limits`);
  match(limits, /Max core file size\s+0\s+0/);
  match(limits, /Max open files\s+256\s+256/);
  match(limits, /Max file size\s+4096\s+4096/);
  const [, data = ""] = /Max data size\s+(\d+)/.exec(limits) ?? [];
  strictEqual(Number(data) > 128 << 20 && Number(data) < 2 ** 30, true, data);
  const commandLine = await Deno.readTextFile(`/proc/${seen.pid}/cmdline`);
  for (const secret of ["postgres", "ORLA", "key"]) {
    strictEqual(commandLine.includes(secret), false, secret);
  }
  strictEqual((await Deno.stat(`/proc/${seen.pid}/cwd`)).mode! & 0o777, 0o700);
});
