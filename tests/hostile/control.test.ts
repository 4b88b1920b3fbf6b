/**
 * Attacks are attacks: where nothing stops them they get what they want. Each runs here in a process
 * with every permission, on targets that may be harmed.
 */
import { deepEqual, ok } from "node:assert/strict";
import { type AttackCode, type AttackLanguage, type Target } from "./attack.ts";
import { attacks } from "./attack-list.ts";
import { sourceOf } from "./attack-source.ts";
import { setUpTargets, type Targets } from "./targets.ts";

/** A stand-in for the node and its instances. */
function standIn(): Deno.ChildProcess {
  return new Deno.Command("sleep", { args: ["1000"], stdin: "null", stdout: "null" }).spawn();
}

async function runFree(
  language: AttackLanguage,
  code: AttackCode,
  target: Partial<Target>,
  cwd: string,
): Promise<string> {
  const source = sourceOf(language, code);
  const payload = JSON.stringify(target);
  const command = language === "javascript"
    ? new Deno.Command(Deno.execPath(), {
      args: [
        ...["eval", "--quiet", "--no-lock"],
        `${source}\nconsole.log("verdict " + JSON.stringify(await main(${payload}))); Deno.exit(0);`,
      ],
      cwd,
    })
    : new Deno.Command("python3", {
      args: [
        "-c",
        `${source}\nimport json\nprint("verdict " + json.dumps(main(json.loads(${
          JSON.stringify(payload)
        }))))`,
      ],
      cwd,
    });
  const { stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  const verdict = /^verdict (.*)$/m.exec(decoder.decode(stdout))?.[1];
  return verdict ?? `nothing; ${decoder.decode(stderr).slice(0, 500)}`;
}

for (const language of ["javascript", "python"] as const) {
  Deno.test(`hostile: in ${language}, attacks work where nothing stops them`, async () => {
    await using targets = await setUpTargets();
    const failed: string[] = [];
    const todo = attacks.flatMap(({ name, code }) => {
      const attack = code[language];
      return attack === undefined || attack.noControl !== undefined ? [] : [{ name, attack }];
    });
    ok(todo.length > 20);
    const workers = Array.from({ length: 2 }, async () => {
      for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
        const verdict = await tryOne(targets, language, next.attack);
        if (!/"got": ?true/.test(verdict)) failed.push(`${next.name}: ${verdict}`);
      }
    });
    await Promise.all(workers);
    deepEqual(failed, []);
  });
}

async function tryOne(
  targets: Targets,
  language: AttackLanguage,
  attack: AttackCode,
): Promise<string> {
  const [node, parent, sibling] = [standIn(), standIn(), standIn()];
  const scratch = await Deno.makeTempDir({ prefix: "orla-control-" });
  const siblingFile = `${scratch}/secret`;
  await Deno.writeTextFile(siblingFile, "secret");
  const { port, redirectPort, unixSocket, abstractName, hostname, hostAddress } = targets;
  try {
    return await runFree(language, attack, {
      ...{ node: node.pid, parent: parent.pid, sibling: sibling.pid },
      ...{ siblingFile, runtimeDir: scratch, secretFile: siblingFile, newFile: `${scratch}/new` },
      ...{ port, redirectPort, unixSocket, abstractName, hostname, hostAddress },
    }, scratch);
  } finally {
    for (const process of [node, parent, sibling]) {
      try {
        process.kill("SIGKILL");
      } catch { /* an attack had its way */ }
      await process.status;
    }
    await Deno.remove(scratch, { recursive: true });
  }
}
