/** CGI-like: each request starts `deno run` on the file its path names, and answers its output. */
import process from "node:process";

const [directory = "."] = Deno.args;

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => void process.stdout.write(`port ${port}\n`),
}, async (request) => {
  const file = `${directory}${new URL(request.url).pathname}`;
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-config", "--no-remote", "--no-npm", file],
    stderr: "inherit",
  }).output();
  return new Response(stdout, { status: success ? 200 : 500 });
});
