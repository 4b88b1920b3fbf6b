/**
 * Every attack of `attack-list.ts` against a real node, in three places: with all walls (root), as an
 * ordinary user, and on a machine whose kernel offers none of them. All the while a neighbour
 * answers, every time, out of one and the same instance.
 */
import { equal } from "node:assert/strict";
import { fileURLToPath } from "node:url";
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
/** There is no more to learn then. */
const MANY_FAILURES = 20;
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
  const all = todo.map(({ attack }) => attack);
  const surprises: string[] = [];
  const neighbour = keepCalling(node);
  const work = async () => {
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      try {
        await node.attack(language, next.attack);
        await node.expectHealth();
      } catch (thrown) {
        surprises.push(`${next.name}: ${thrown instanceof Error ? thrown.message : thrown}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  surprises.push(...await neighbour.stop());
  const harm = node.harm();
  const isOpen = all.some(({ openIn = [] }) => openIn.includes(node.mode));
  if (!isOpen) surprises.push(...harm.map((what) => `reached or made: ${what}`));
  equal(surprises.join("\n"), "");
}

/** Calls the neighbour as fast as it answers, until it has answered often enough; then now and then. */
function keepCalling(node: NodeUnderAttack): { stop(): Promise<string[]> } {
  const failures: string[] = [];
  let answered = 0;
  let stopping = false;
  const work = async () => {
    while (!stopping || answered < NEIGHBOUR_CALLS) {
      try {
        await node.neighbour();
      } catch (thrown) {
        failures.push(`the neighbour: ${thrown instanceof Error ? thrown.message : thrown}`);
        if (failures.length > MANY_FAILURES) return;
      }
      if (++answered > NEIGHBOUR_CALLS) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const working = Promise.all([work(), work()]);
  return {
    async stop() {
      stopping = true;
      await working;
      return failures;
    },
  };
}
