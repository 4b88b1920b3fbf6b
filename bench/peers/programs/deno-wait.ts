/** Holds each request on a timer for as many milliseconds as the first argument says. */
import process from "node:process";

const waitMs = Number(Deno.args[0]);

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => void process.stdout.write(`port ${port}\n`),
}, async () => {
  const started = Date.now();
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  return new Response("Hello from the edge", { headers: { "x-started": String(started) } });
});
