/** Runs `s3rver` with the directory given and tells its port. */
import S3rver from "s3rver";

const [directory = ""] = Deno.args;
const server = new S3rver({
  address: "127.0.0.1",
  port: 0,
  silent: true,
  directory,
  configureBuckets: [{ name: "bucket" }],
});
const { port } = await server.run();
await Deno.stdout.write(new TextEncoder().encode(`${port}\n`));
