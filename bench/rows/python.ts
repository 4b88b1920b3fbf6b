/**
 * Functions in Python: their first call, their next ones, and what an idle instance holds. An instance is
 * a fork of a process that has imported the library already, so it is measured beside an interpreter
 * that starts for each call.
 */
import { setTimeout as pause } from "node:timers/promises";
import { greeting, type WarmContender } from "../contender.ts";
import { idleInstances } from "../idle-instances.ts";
import { checkAnswer } from "../load.ts";
import { type Orla, startFreshOrla } from "../orla.ts";
import { startPythonOnce, startPythonServer } from "../peers/python.ts";
import { averageMemory } from "../process.ts";
import type { Goal, Table } from "../report.ts";
import { medians, takeTurns } from "../rounds.ts";
import type { Row, RowContext } from "../row.ts";
import { percentile } from "../stats.ts";
import { callOneByOne } from "./cold.ts";

const instances = 20;
const settleMs = 500;
const pauseMs = 50;

export const python: Row = {
  name: "python",
  question: "What do functions in Python cost: cold, warm, idle?",
  async run(context) {
    await using started = await startFreshOrla();
    const { orla } = started;
    const tables: Table[] = [];
    const goals: Goal[] = [];
    for (const measure of [measureCold, measureWarm, measureMemory]) {
      const { table, goal } = await measure(context, orla);
      tables.push(table);
      if (goal !== undefined) goals.push(goal);
    }
    return { row: "python", tables, goals };
  },
};

interface Part {
  readonly table: Table;
  readonly goal?: Goal;
}

async function measureCold(context: RowContext, orla: Orla): Promise<Part> {
  const [rounds, calls] = context.quick ? [2, 10] : [4, 50];
  const own: number[] = [];
  const peer: number[] = [];
  await callFresh(orla, "warm_up", 10);
  for (let round = 0; round < rounds; round++) {
    context.progress(`python cold: turn ${round + 1} of ${rounds}`);
    own.push(...await callFresh(orla, `cold_${round}`, calls));
    for (let call = 0; call < calls / 5; call++) {
      peer.push(await startPythonOnce());
      await pause(pauseMs);
    }
  }
  const line = (contender: string, times: readonly number[]) => ({
    contender,
    figures: [percentile(times, 50), percentile(times, 99)],
  });
  return {
    table: {
      title: `Python cold start, one function after the other (${own.length} functions)`,
      columns: ["p50 ms", "p99 ms"],
      lines: [line("Orla", own), line("python3 started for each call", peer)],
      notes: ["The peer answers on its standard output: no HTTP, no key, no record, no sandbox."],
    },
    goal: {
      what: "Python cold start, request in → response out, p99",
      limit: 10,
      better: "lower",
      unit: "ms",
      measured: percentile(own, 99),
    },
  };
}

async function callFresh(orla: Orla, prefix: string, count: number): Promise<number[]> {
  const names = Array.from({ length: count }, (_, index) => `bench_python_${prefix}_${index}`);
  const code = `import json\n\ndef fetch(request):\n    return Response("${greeting}")\n`;
  await orla.sql(
    ...names.map((name) => `CREATE EDGE FUNCTION ${name} LANGUAGE python AS $$${code}$$`),
  );
  await pause(settleMs);
  const calls = await callOneByOne(names.map((name) => orla.endpoint(name)));
  await orla.sql(...names.map((name) => `DROP EDGE FUNCTION ${name}`));
  return calls.map(({ ms }) => ms);
}

async function measureWarm(context: RowContext, orla: Orla): Promise<Part> {
  await using peer = await startPythonServer();
  const contenders: Omit<WarmContender, keyof AsyncDisposable>[] = [peer];
  for (const kind of ["def", "async def"]) {
    const name = `bench_python_${kind.replace(" ", "_")}`;
    await orla.sql(
      `CREATE EDGE FUNCTION ${name} LANGUAGE python AS $$\n${kind} fetch(request):\n    return Response("${greeting}")\n$$`,
    );
    contenders.unshift({
      name: `Orla, \`${kind}\``,
      pid: orla.pid,
      endpoint: orla.endpoint(name),
    });
  }
  for (const { endpoint } of contenders) {
    await checkAnswer(endpoint);
    await context.load.run(endpoint, { connections: 32, seconds: 1 });
  }
  const [rounds, seconds] = context.quick ? [1, 1] : [3, 3];
  const lines = [];
  for (const connections of [1, 32]) {
    const turns = await takeTurns(rounds, contenders, ({ name, endpoint }, round) => {
      context.progress(`python warm, ${connections}: ${name}, turn ${round + 1} of ${rounds}`);
      return context.load.run(endpoint, { connections, seconds });
    });
    for (const [{ name }, results] of turns) {
      const { p50Ms, p99Ms, perSecond } = medians(results);
      lines.push({ contender: `${name}, ${connections}`, figures: [p50Ms, p99Ms, perSecond] });
    }
  }
  return {
    table: {
      title: "Python warm, by connections",
      columns: ["p50 ms", "p99 ms", "requests/s"],
      lines,
      notes: [],
    },
  };
}

async function measureMemory(context: RowContext, orla: Orla): Promise<Part> {
  context.progress(`python memory: ${instances} instances`);
  const code = "import os\ndef fetch(request):\n    return Response(str(os.getpid()))\n";
  const pids = await idleInstances(orla, { language: "python", code, count: instances });
  const { pssMb, privateMb } = await averageMemory(pids);
  return {
    table: {
      title: `Python, memory of an idle instance (average of ${instances})`,
      columns: ["PSS MB", "private MB"],
      lines: [{ contender: "Orla: instance, Python", figures: [pssMb, privateMb] }],
      notes: [],
    },
    goal: {
      what: "private memory of an idle Python instance",
      limit: 3,
      better: "lower",
      unit: "MB",
      measured: privateMb,
    },
  };
}
