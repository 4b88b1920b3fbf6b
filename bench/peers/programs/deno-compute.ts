/** Computes for each request: `deno run deno-compute.ts <source> <rounds>`, the source being a function `compute`. */
import process from "node:process";

const [source = "", rounds = ""] = Deno.args;
const compute = new Function(`${source}; return compute;`)() as (rounds: number) => number;

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => void process.stdout.write(`port ${port}\n`),
}, () => {
  compute(Number(rounds));
  return new Response("Hello from the edge");
});
