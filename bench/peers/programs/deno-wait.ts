/** Holds each request for two seconds on a timer. */
import process from "node:process";

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => void process.stdout.write(`port ${port}\n`),
}, async () => {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  return new Response("Hello from the edge");
});
