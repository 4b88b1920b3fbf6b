/**
 * What escapes its runtime meets the kernel. Every attack is shown to work where nothing stops it,
 * then to fail under each layer that is said to stop it.
 */
import { deepEqual, equal } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { probeSandbox } from "../../src/runtime/confinement/probe-sandbox.ts";
import type { Arrangement } from "../../src/runtime/confinement/sandbox-report.ts";
import type { AttackRequest, AttackResult } from "./attack-run.ts";

const NOBODY = 65534;
const log = { warn: () => {} };
const { level } = (await probeSandbox({ denoPath: Deno.execPath(), log })).javascript;
const isConfinable = level >= 1;
const isRoot = level >= 2;

const nothing: Arrangement = { seccomp: false, landlock: false, ownUser: false, cgroup: false };
const kernel: Arrangement = { ...nothing, seccomp: true, landlock: true };

/** Refused to any process here, or on some machine: needs a privilege, a module or a setting. */
const REFUSED_ON_SOME_MACHINES = [
  ...["becomeRoot", "connectMultipath", "cryptoSocket", "faultHandler", "fillFile", "ioRing"],
  ...["ipv6Socket", "keyring", "loadProgram", "mount", "newUserNamespace", "packetSocket"],
  ...["performanceCounter", "raiseOpenFiles", "rawSocket", "virtualSocket"],
];

async function attack(request: AttackRequest, uid?: number): Promise<AttackResult> {
  const cache = await Deno.makeTempDir({ prefix: "orla-attack-cache-" });
  if (uid !== undefined) await Deno.chown(cache, uid, uid);
  try {
    const runner = fileURLToPath(new URL("attack-run.ts", import.meta.url));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", runner, JSON.stringify(request)],
      cwd: "/",
      ...uid === undefined ? {} : { uid, gid: uid },
      env: { DENO_DIR: cache, HOME: cache },
    }).output();
    const text = new TextDecoder();
    equal(code, 0, text.decode(stderr));
    return JSON.parse(text.decode(stdout));
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

function got(outcome: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(outcome).filter((name) => outcome[name]).sort();
}

function refused(outcome: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(outcome).filter((name) => !outcome[name]).sort();
}

/** Those of the list that were not refused, or that no attack has the name of. */
function missed(outcome: Readonly<Record<string, boolean>>, names: readonly string[]): string[] {
  return names.filter((name) => outcome[name] !== false);
}

function test(name: string, when: boolean, run: () => Promise<void>): void {
  const reason = when ? "" : " (skipped: needs Linux, Landlock 4, seccomp, mostly root too)";
  Deno.test({ name: `sandbox: ${name}${reason}`, ignore: !when, fn: run });
}

// Of one user, as on a machine where the platform is not root: nothing of the system is in between.
const asNobody = isRoot ? NOBODY : undefined;

test("without layers every attack works, so it can be seen to fail", isConfinable, async () => {
  const { deno, python } = await attack({ arrangement: nothing, network: "proxy" }, asNobody);
  const unexpected = (name: string) => !REFUSED_ON_SOME_MACHINES.includes(name);
  deepEqual(refused(deno).filter(unexpected), []);
  deepEqual(refused(python).filter(unexpected), []);
});

test("layer 1, one user for all: only the proxy can be reached", isConfinable, async () => {
  const { deno, python, uids } = await attack({ arrangement: kernel, network: "proxy" }, asNobody);
  deepEqual(got(deno), ["connectProxyPort"]);
  deepEqual(got(python), ["connectProxyPort"]);
  deepEqual(uids, [null, null, null]);
});

test("layer 1 holds although the platform is root", isRoot, async () => {
  const { deno, python } = await attack({ arrangement: kernel, network: "proxy" });
  deepEqual(got(deno), ["connectProxyPort"]);
  deepEqual(got(python), ["connectProxyPort"]);
});

test("layer 2 gives every instance a user of its own", isRoot, async () => {
  const arrangement = { ...kernel, ownUser: true };
  const { deno, python, uids } = await attack({ arrangement, network: "proxy" });
  deepEqual(got(deno), ["connectProxyPort"]);
  deepEqual(got(python), ["connectProxyPort"]);
  equal(new Set(uids).size, 3);
  equal(uids.every((uid) => uid !== null && uid >= 200_000), true);
});

test("without a proxy TCP and UDP go out, and nothing can be served", isRoot, async () => {
  const arrangement = { ...kernel, ownUser: true };
  const { deno, python } = await attack({ arrangement, network: "direct" });
  deepEqual(got(deno), ["connectAnyPort", "connectProxyPort", "datagramSocket"]);
  deepEqual(got(python), ["connectAnyPort", "connectProxyPort", "datagramSocket"]);
});

test("without a network there is none", isRoot, async () => {
  const arrangement = { ...kernel, ownUser: true };
  const { deno, python } = await attack({ arrangement, network: "none" });
  deepEqual(got(deno), []);
  deepEqual(got(python), []);
});

test(
  "users of their own keep instances apart where the kernel has nothing else",
  isRoot,
  async () => {
    const arrangement = { ...nothing, ownUser: true };
    const { deno } = await attack({ arrangement, network: "direct" });
    const apart = [
      ...["readSiblingFile", "listSiblings", "readSiblingEnviron", "readSiblingMemory"],
      ...["ptraceSibling", "signalSibling", "signalSiblingThread", "limitSibling", "slowSibling"],
      ...["readParentEnviron", "ptraceParent", "signalParent"],
    ];
    deepEqual(missed(deno, apart), []);
  },
);

test("the filter alone stops what is no file and no TCP port", isRoot, async () => {
  const { deno } = await attack({ arrangement: { ...nothing, seccomp: true }, network: "proxy" });
  deepEqual(
    missed(deno, [
      ...["anonymousFile", "changeMode", "changePersonality", "changeTime", "connectAbstract"],
      ...["connectByPath", "connectFastOpen", "connectMultipath", "datagramSocket", "execShell"],
      ...["faultHandler", "fork", "handleOfFile", "holdSibling", "ioRing", "ipv6Socket", "keyring"],
      ...["limitSibling", "listen", "newUserNamespace", "performanceCounter", "ptraceSibling"],
      ...["readSiblingMemory", "sharedMemory", "signalParent", "signalSibling", "slowSibling"],
      ...["signalSiblingThread", "startItself", "startShell", "virtualSocket", "watchFiles"],
    ]),
    [],
  );
});

test("Landlock alone stops what is a file, a process or a TCP port", isRoot, async () => {
  const { deno } = await attack({ arrangement: { ...nothing, landlock: true }, network: "proxy" });
  deepEqual(
    missed(deno, [
      ...["connectAbstract", "connectAnyPort", "execShell", "listRoot", "listSiblings", "listen"],
      ...["makeDirectory", "makeLink", "ptraceSibling", "readOwnEnviron", "readPasswd"],
      ...["readSiblingEnviron", "readSiblingFile", "readSiblingMemory", "readSource"],
      ...["removeOwnFile", "renameOwnFile", "signalParent", "signalSibling", "startShell"],
      ...["signalSiblingThread", "writeOwnDirectory", "writeTemporary"],
    ]),
    [],
  );
  // Why the filter looks at flags and unix sockets too: Landlock sees neither.
  deepEqual(got(deno).filter((name) => ["connectByPath", "connectFastOpen"].includes(name)), [
    "connectByPath",
    "connectFastOpen",
  ]);
});
