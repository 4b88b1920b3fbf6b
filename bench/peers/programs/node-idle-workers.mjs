/** Holds as many idle worker threads as its argument says. */
import process from "node:process";
import { Worker } from "node:worker_threads";

const idle = 'require("node:worker_threads").parentPort.on("message", () => {});';
const workers = Array.from(
  { length: Number(process.argv[2]) },
  () => new Worker(idle, { eval: true }),
);
await Promise.all(workers.map((worker) => new Promise((resolve) => worker.on("online", resolve))));
process.stdout.write("ready\n");
setInterval(() => {}, 3_600_000);
