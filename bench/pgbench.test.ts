import assert from "node:assert/strict";
import { parsePgBench } from "./pgbench.ts";
import { target } from "./peers/pgbouncer.ts";

const report = `pgbench (15.20 (Debian 15.20-0+deb12u1), server 18.4)
transaction type: <builtin: select only>
number of clients: 1
number of transactions actually processed: 41234
number of failed transactions: 0 (0.000%)
latency average = 0.073 ms
initial connection time = 3.100 ms
tps = 13744.123456 (without initial connection time)
`;

Deno.test("pgbench's report is read", () => {
  assert.deepEqual(parsePgBench(report), { perSecond: 13744.123456, meanMs: 0.073 });
});

Deno.test("a run with failed transactions, or without a report, is refused", () => {
  assert.throws(() => parsePgBench(report.replace("transactions: 0 (", "transactions: 2 (")));
  assert.throws(() => parsePgBench(""), /printed no/);
});

Deno.test("a connection URL may name a socket directory", () => {
  assert.deepEqual(target("postgres://o:p%40@localhost:5434/db?host=%2Ftmp%2Fs"), {
    host: "/tmp/s",
    port: "5434",
    database: "db",
    user: "o",
    password: "p@",
  });
  assert.equal(target("postgres://o@127.0.0.1").port, "5432");
});
