/**
 * WebAssembly, by its calling conventions, beside JavaScript on the same node: the first call of a
 * function, and calls once it runs. The modules are the tests' own.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Endpoint } from "../contender.ts";
import { HttpConnection } from "../http-client.ts";
import type { LoadResult } from "../load.ts";
import { type Orla, startFreshOrla } from "../orla.ts";
import type { Goal, Table } from "../report.ts";
import { medians, takeTurns } from "../rounds.ts";
import type { Row, RowContext } from "../row.ts";
import { median, percentile } from "../stats.ts";

/** As in the row `cold`. */
const pauseMs = 50;
const warmUpCalls = 5;
const settleMs = 500;
const warmConnections = 32;

interface Variant {
  readonly name: string;
  /** Behind `CREATE EDGE FUNCTION name`. */
  readonly definition: string;
  readonly query: string;
  readonly status: number;
  readonly answer: string;
}

const module = (name: string): string =>
  `LANGUAGE wasm AS '${
    Deno.readFileSync(new URL(`../../tests/wasm/fixtures/${name}/module.wasm`, import.meta.url))
      .toBase64()
  }'`;

const variants: readonly Variant[] = [
  {
    name: "JavaScript: main(a, b)",
    definition:
      "(a int, b int) RETURNS int LANGUAGE javascript AS $$ export const main = (a, b) => a + b; $$",
    ...{ query: "?a=1&b=2", status: 200, answer: "3" },
  },
  {
    name: "numbers (WAT, 40 bytes)",
    definition: `(a int, b int) RETURNS int LANGUAGE wasm AS $$
      (module (func (export "main") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1)))) $$`,
    ...{ query: "?a=1&b=2", status: 200, answer: "3" },
  },
  {
    name: "Rust's &str and String (39 KB)",
    definition: `(input text) RETURNS text ${module("rust-string")}`,
    ...{ query: "?input=abc", status: 200, answer: '"+++ABC"' },
  },
  {
    name: "WASI program (Rust, 95 KB)",
    definition: ` ${module("rust-command")}`,
    ...{ query: "", status: 200, answer: '{"got":null}' },
  },
  {
    name: "component, plain world (WAT)",
    definition: `(a int, b int) RETURNS int LANGUAGE wasm AS $$ (component
      (core module $m (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))
      (core instance $i (instantiate $m))
      (func (export "add") (param "a" s32) (param "b" s32) (result s32)
        (canon lift (core func $i "add")))) $$`,
    ...{ query: "?a=1&b=2", status: 200, answer: "3" },
  },
  {
    name: "component, wasi:http (14 KB)",
    definition: ` ${module("component-http")}`,
    ...{ query: "?x", status: 201, answer: "" },
  },
];

export const wasm: Row = {
  name: "wasm",
  question: "What does WebAssembly cost, cold and warm?",
  async run(context) {
    if (context.peersOnly) return { row: "wasm", tables: [], goals: [] };
    await using started = await startFreshOrla();
    const { orla } = started;
    const fresh = freshFunctions(orla);
    for (const variant of variants) await callOneByOne(variant, await fresh(variant, warmUpCalls));
    const cold = await measureCold(context, fresh);
    const warm = await measureWarm(context, fresh);
    return { row: "wasm", tables: [cold.table, warm], goals: cold.goals };
  },
};

type Fresh = (variant: Variant, count: number) => Promise<Endpoint[]>;

function freshFunctions(orla: Orla): Fresh {
  let made = 0;
  let names: string[] = [];
  return async ({ definition, query }, count) => {
    const drops = names.map((name) => `DROP EDGE FUNCTION ${name}`);
    names = Array.from({ length: count }, () => `bench_wasm_${made++}`);
    const creations = names.map((name) => `CREATE EDGE FUNCTION ${name}${definition}`);
    await orla.sql(...drops, ...creations);
    return names.map((name) => {
      const { url, headers } = orla.endpoint(name);
      return { url: url + query, headers };
    });
  };
}

async function measureCold(
  context: RowContext,
  fresh: Fresh,
): Promise<{ table: Table; goals: Goal[] }> {
  const [rounds, calls] = context.quick ? [1, 10] : [4, 50];
  const turns = await takeTurns(rounds, variants, async (variant, round) => {
    context.progress(`wasm cold: ${variant.name}, turn ${round + 1} of ${rounds}`);
    const endpoints = await fresh(variant, calls);
    await pause(settleMs);
    return await callOneByOne(variant, endpoints);
  });
  const lines = variants.map((variant) => {
    const all = (turns.get(variant) ?? []).flat();
    const times = all.map((call) => call.ms);
    return {
      contender: variant.name,
      figures: [
        percentile(times, 50),
        percentile(times, 99),
        median(all.map((call) => call.coldMs)),
      ],
    };
  });
  const numbers = lines[1]?.figures[1];
  return {
    table: {
      title: `WebAssembly, cold: one function after the other (${rounds * calls} functions each)`,
      columns: ["p50 ms", "p99 ms", "server's own p50 ms"],
      lines,
      notes: [`${pauseMs} ms between an answer and the next call.`],
    },
    goals: numbers === undefined ? [] : [{
      what: "WASM cold start, request in → response out, p99",
      limit: 5,
      better: "lower",
      unit: "ms",
      measured: numbers,
    }],
  };
}

interface ColdCall {
  readonly ms: number;
  readonly coldMs: number;
}

async function callOneByOne(variant: Variant, endpoints: readonly Endpoint[]): Promise<ColdCall[]> {
  const [first] = endpoints;
  if (first === undefined) return [];
  using connection = await HttpConnection.open(first.url);
  const calls: ColdCall[] = [];
  for (const { url, headers } of endpoints) {
    const start = performance.now();
    const answer = await connection.get(url, headers);
    const ms = performance.now() - start;
    const isExpected = answer.status === variant.status && answer.body.includes(variant.answer);
    if (!isExpected) throw new Error(`${url}: ${answer.status} ${answer.body}`);
    const timing = answer.headers.get("server-timing") ?? "";
    const coldMs = /\bcold;dur=([\d.]+)/.exec(timing)?.[1];
    if (coldMs === undefined) throw new Error(`${url} was not cold: ${timing}`);
    calls.push({ ms, coldMs: Number(coldMs) });
    await pause(pauseMs);
  }
  return calls;
}

async function measureWarm(context: RowContext, fresh: Fresh): Promise<Table> {
  const [rounds, seconds] = context.quick ? [1, 1] : [3, 3];
  const turns = await takeTurns(rounds, variants, async (variant, round) => {
    context.progress(`wasm warm: ${variant.name}, turn ${round + 1} of ${rounds}`);
    const endpoints = await fresh(variant, 1);
    await callOneByOne(variant, endpoints);
    const [endpoint] = endpoints;
    if (endpoint === undefined) throw new Error("no function was made");
    await context.load.run(endpoint, { connections: warmConnections, seconds: 1 });
    return await context.load.run(endpoint, { connections: warmConnections, seconds });
  });
  return {
    title: `WebAssembly, warm, ${warmConnections} connections`,
    columns: ["p50 ms", "p99 ms", "requests/s"],
    lines: variants.map((variant) => {
      const { p50Ms, p99Ms, perSecond }: LoadResult = medians(turns.get(variant) ?? []);
      return { contender: variant.name, figures: [p50Ms, p99Ms, perSecond] };
    }),
    notes: ["A program gets fresh memory for each call."],
  };
}
