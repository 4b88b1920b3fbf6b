/**
 * Where several walls are said to stop an attack, each does so alone. In Python, which has none of
 * its own; `tests/sandbox` shows the same of Deno, with all of its permissions.
 */
import { equal, ok } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Wall } from "./attack.ts";
import { attacks } from "./attack-list.ts";
import { NodeUnderAttack } from "./node-under-attack.ts";

const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;
const fakeMachine = fileURLToPath(new URL("fake_machine.py", import.meta.url));
const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];

/** What is taken away so that one wall is left. */
const alone: readonly { wall: Wall; prefix: readonly string[] }[] = [
  { wall: "landlock", prefix: ["python3", fakeMachine, "seccomp", ...asNobody] },
  { wall: "seccomp", prefix: ["python3", fakeMachine, "landlock", ...asNobody] },
  { wall: "user", prefix: ["python3", fakeMachine, "landlock,seccomp"] },
];

for (const { wall, prefix } of alone) {
  Deno.test({
    name: `hostile: ${wall} alone stops what it is said to stop` +
      (isRoot ? "" : " (skipped: needs root)"),
    ignore: !isRoot,
    async fn() {
      const cache = await Deno.makeTempDir({ prefix: "orla-hostile-" });
      await Deno.chmod(cache, 0o777);
      try {
        const env = { DENO_DIR: cache, ORLA_PYTHON_UNCONFINED: "true" };
        await using node = await NodeUnderAttack.start("alone", { prefix, env });
        equal(await node.sandboxLevel(), 0);
        const got: string[] = [];
        const said = attacks.flatMap(({ name, code: { python } }) =>
          python?.walls.includes(wall) && python.seen.is === "refused" ? [{ name, python }] : []
        );
        ok(said.length >= 10);
        for (const { name, python } of said) {
          await node.attack("python", python).catch((thrown) =>
            got.push(`${name}: ${thrown.message}`)
          );
        }
        equal(got.join("\n"), "");
      } finally {
        await Deno.remove(cache, { recursive: true });
      }
    },
  });
}
