/**
 * Functions in Node's worker threads behind node:http, in the three common shapes:
 *
 * - `/warm`       a pool of threads that hold the function; a request is one message there and back.
 * - `/thread/ID`  a new thread for each function id that has not been called before.
 * - `/compile/ID` the same pool; code of a new id is compiled with `new Function` in a pooled thread.
 *
 * Threads share one process: no memory, file or network boundary stands between the functions.
 */
import { createServer } from "node:http";
import process from "node:process";
import { Worker } from "node:worker_threads";

/** One per core of the small machines these benchmarks are meant for. */
const poolSize = 2;
const functionCode = 'return { status: 200, body: "Hello from the edge" };';

const workerCode = `
const { parentPort } = require("node:worker_threads");
const functions = new Map();
parentPort.on("message", ({ call, id, code, request }) => {
  let run = functions.get(id);
  if (run === undefined) functions.set(id, run = new Function("request", code));
  parentPort.postMessage({ call, answer: run(request) });
});
`;

class Thread {
  #worker = new Worker(workerCode, { eval: true });
  #waiting = new Map();
  #calls = 0;

  constructor() {
    this.#worker.on("message", ({ call, answer }) => {
      this.#waiting.get(call)(answer);
      this.#waiting.delete(call);
    });
  }

  run(id, request) {
    const call = this.#calls++;
    return new Promise((resolve) => {
      this.#waiting.set(call, resolve);
      this.#worker.postMessage({ call, id, code: functionCode, request });
    });
  }
}

const pool = Array.from({ length: poolSize }, () => new Thread());
const threads = new Map();
let turn = 0;

function threadFor(kind, id) {
  if (kind !== "thread") return pool[turn++ % poolSize];
  if (!threads.has(id)) threads.set(id, new Thread());
  return threads.get(id);
}

const server = createServer(async (request, response) => {
  const [, kind, id = "warm"] = request.url.split("/");
  const { method, url, headers } = request;
  const { status, body } = await threadFor(kind, id).run(id, { method, url, headers });
  response.writeHead(status, { "content-type": "text/plain;charset=UTF-8" });
  response.end(body);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`port ${server.address().port}\n`));
