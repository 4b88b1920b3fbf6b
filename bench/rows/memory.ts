/**
 * Memory of one idle instance that has answered calls: the average over several, from
 * `/proc/PID/smaps_rollup`. *Private* pages are what one more instance costs; *PSS* adds its share of
 * what all of them map.
 */
import { setTimeout as pause } from "node:timers/promises";
import { idleInstances } from "../idle-instances.ts";
import { startFreshOrla } from "../orla.ts";
import {
  averageMemory,
  Child,
  type Memory,
  memoryOf,
  memoryOfAll,
  programBelow,
} from "../process.ts";
import { denoProgram, nodeProgram, peerProgram } from "../programs.ts";
import type { Goal, Line } from "../report.ts";
import type { Row } from "../row.ts";

const instances = 20;
/** For garbage collections to come to rest. */
const settleMs = 2000;

export const memory: Row = {
  name: "memory",
  question: "What does one more idle instance cost?",
  async run(context) {
    const lines: Line[] = [];
    const goals: Goal[] = [];
    const add = (contender: string, { pssMb, privateMb }: Memory) =>
      lines.push({ contender, figures: [pssMb, privateMb] });
    if (!context.peersOnly) {
      context.progress(`memory: ${instances} instances of Orla`);
      const orla = await measureOrla();
      add("Orla: instance, JavaScript", orla.instance);
      add("Orla: the node itself", orla.node);
      add("Orla: embedded Postgres, all processes", orla.postgres);
      goals.push({
        what: "private memory of an idle JavaScript instance",
        limit: 11,
        better: "lower",
        unit: "MB",
        measured: orla.instance.privateMb,
      });
    }
    context.progress(`memory: ${instances} blank processes of deno run`);
    add("deno run, blank", await measureDeno());
    context.progress(`memory: ${instances} worker threads of Node`);
    add("Node worker thread", await measureNodeWorkers());
    return {
      row: "memory",
      goals,
      tables: [{
        title: `Memory while idle (average of ${instances})`,
        columns: ["PSS MB", "private MB"],
        lines,
        notes: [
          "A worker thread shares its process with all others; the process itself is not counted.",
        ],
      }],
    };
  },
};

async function measureOrla(): Promise<{ instance: Memory; node: Memory; postgres: Memory }> {
  await using started = await startFreshOrla();
  const { orla } = started;
  const code = "export default () => new Response(String(Deno.pid));";
  const pids = await idleInstances(orla, { language: "javascript", code, count: instances });
  return {
    instance: await averageMemory(pids),
    node: await memoryOf(orla.pid),
    postgres: await memoryOfAll(await programBelow(orla.pid, "postgres")),
  };
}

async function measureDeno(): Promise<Memory> {
  await using stack = new AsyncDisposableStack();
  const children = Array.from({ length: instances }, () =>
    stack.use(
      new Child({
        command: denoProgram,
        args: ["run", "--quiet", "--no-config", peerProgram("deno-idle.ts")],
        env: { DENO_NO_UPDATE_CHECK: "1" },
      }),
    ));
  await Promise.all(children.map((child) => child.line(/ready\n/)));
  await pause(settleMs);
  // Awaited here: the children end with this scope.
  return await averageMemory(children.map((child) => child.pid));
}

async function measureNodeWorkers(): Promise<Memory> {
  await using empty = startNode(0);
  await using full = startNode(instances);
  await Promise.all([empty.line(/ready\n/), full.line(/ready\n/)]);
  await pause(settleMs);
  const [without, including] = [await memoryOf(empty.pid), await memoryOf(full.pid)];
  return {
    pssMb: (including.pssMb - without.pssMb) / instances,
    privateMb: (including.privateMb - without.privateMb) / instances,
  };
}

function startNode(workers: number): Child {
  return new Child({
    command: nodeProgram,
    args: [peerProgram("node-idle-workers.mjs"), String(workers)],
  });
}
