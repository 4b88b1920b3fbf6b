/** The least a Deno program does to answer over HTTP. */
import process from "node:process";

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => void process.stdout.write(`port ${port}\n`),
}, () => new Response("Hello from the edge"));
