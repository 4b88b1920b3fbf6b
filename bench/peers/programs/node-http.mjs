/** The least a Node program does to answer over HTTP. */
import { createServer } from "node:http";
import process from "node:process";

const server = createServer((_request, response) => {
  response.setHeader("content-type", "text/plain;charset=UTF-8");
  response.end("Hello from the edge");
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`port ${server.address().port}\n`));
