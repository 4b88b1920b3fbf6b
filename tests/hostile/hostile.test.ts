/**
 * Every attack of `attack-list.ts` against a real node, in three places: with all walls (root), as an
 * ordinary user, and on a machine whose kernel offers none of them. All the while a neighbour
 * answers, every time, out of one and the same instance.
 */
import { equal, ok } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { failures, startLoad } from "../acceptance/load.ts";
import { type AttackCode, type AttackLanguage, attackLanguages, type Mode } from "./attack.ts";
import { attackGroups } from "./attack-list.ts";
import { NodeUnderAttack } from "./node-under-attack.ts";

const isLinux = Deno.build.os === "linux";
const isRoot = isLinux && Deno.uid() === 0;
const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
const fakeMachine = fileURLToPath(new URL("fake_machine.py", import.meta.url));

interface Place {
  readonly mode: Mode;
  readonly when: boolean;
  readonly prefix: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly level: number;
}

const places: readonly Place[] = [
  { mode: "root", when: isRoot, prefix: [], level: 2 },
  { mode: "user", when: isLinux, prefix: isRoot ? asNobody : [], level: 1 },
  {
    mode: "bare",
    when: isLinux,
    prefix: [
      ...["python3", fakeMachine, "landlock,seccomp,namespaces"],
      ...isRoot ? asNobody : [],
    ],
    env: { ORLA_PYTHON_UNCONFINED: "true" },
    level: 0,
  },
];

/** What a neighbour answers at least while the attacks of one group last. */
const NEIGHBOUR_CALLS = 1000;
/** Attacks at the same time: enough to wait for time-outs together, few enough to be answered. */
const AT_ONCE = 4;

for (const { mode, when, prefix, env = {}, level } of places) {
  const reason = when ? "" : " (skipped: needs Linux, perhaps root)";
  Deno.test({
    name: `hostile: ${mode}, level ${level}${reason}`,
    ignore: !when,
    fn: (t) => runPlace(t, { mode, when, prefix, env, level }),
  });
}

async function runPlace(t: Deno.TestContext, { mode, prefix, env = {}, level }: Place) {
  const cache = await Deno.makeTempDir({ prefix: "orla-hostile-" });
  await Deno.chmod(cache, 0o777);
  try {
    const options = { prefix, env: { ...env, DENO_DIR: cache } };
    await using node = await NodeUnderAttack.start(mode, options);
    const { pid } = await node.neighbour();
    for (const language of attackLanguages) {
      for (const [group, attacks] of Object.entries(attackGroups)) {
        const todo = attacks.flatMap(({ name, code }) => {
          const attack = code[language];
          return attack === undefined ? [] : [{ name, attack }];
        });
        if (todo.length === 0) continue;
        await t.step(`${language}: ${group}`, () => runGroup(node, language, todo));
      }
    }
    equal((await node.neighbour()).pid, pid);
    equal(await node.sandboxLevel(), level);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

interface Todo {
  readonly name: string;
  readonly attack: AttackCode;
}

async function runGroup(node: NodeUnderAttack, language: AttackLanguage, todo: Todo[]) {
  const load = startLoad(node.orla, "neighbour", { workers: 2 });
  const all = todo.map(({ attack }) => attack);
  const wrong: string[] = [];
  const work = async () => {
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      try {
        await node.attack(language, next.attack);
        await node.expectHealth();
      } catch (thrown) {
        wrong.push(`${next.name}: ${thrown instanceof Error ? thrown.message : thrown}`);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const left = NEIGHBOUR_CALLS - load.answers.length;
    if (left > 0) await load.more(left);
  } finally {
    await load.stop();
  }
  const harm = node.harm();
  const isOpen = all.some(({ openIn = [] }) => openIn.includes(node.mode));
  const surprises = [
    ...wrong,
    ...failures(load.answers).map((failure) => `the neighbour: ${failure}`),
    ...isOpen ? [] : harm.map((what) => `reached or made: ${what}`),
  ];
  equal(surprises.join("\n"), "");
  ok(load.answers.length >= NEIGHBOUR_CALLS);
}
