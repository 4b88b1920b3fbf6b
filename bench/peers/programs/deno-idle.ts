/** A process that is ready and does nothing. */
import process from "node:process";

process.stdout.write("ready\n");
setInterval(() => {}, 3_600_000);
