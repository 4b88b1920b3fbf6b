/** The client when answers are lost: what it asks for again, and that nothing happens twice by it. */
import assert from "node:assert/strict";
import { OrlaClient, OrlaError } from "../../sdk/src/main.ts";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { openSession, type SqlSession } from "./sql-session.ts";

let orla: OrlaProcess;
let session: SqlSession;
Deno.test.beforeAll(async () => {
  orla = await startOrlaProcess();
  session = await openSession(orla.sqlUrl);
  await session.rows(`CREATE SEQUENCE calls;
    CREATE EDGE FUNCTION count LANGUAGE javascript AS $$
      export async function main() {
        const db = await connectToDatabase();
        const { rows } = await db.query("SELECT nextval('calls')::int AS n");
        return rows[0].n;
      }
    $$`);
});
Deno.test.afterAll(async () => {
  await session?.close();
  await orla?.[Symbol.asyncDispose]();
});

/** A wire to Orla that lets requests through, and breaks before the first `losses` answers. */
class LossyWire implements AsyncDisposable {
  readonly url: string;
  losses: number;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<() => void>();
  readonly #serving: Promise<void>;

  constructor(target: URL, losses: number) {
    this.losses = losses;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.url = `http://127.0.0.1:${this.#listener.addr.port}`;
    this.#serving = this.#serve(target);
  }

  async #serve({ hostname, port }: URL): Promise<void> {
    const carried: Promise<void>[] = [];
    for await (const near of this.#listener) {
      const far = await Deno.connect({ hostname, port: Number(port) });
      const end = () => {
        if (this.#open.delete(end)) { for (const side of [near, far]) side.close(); }
      };
      this.#open.add(end);
      carried.push(this.#carry(near, far, () => false).finally(end));
      carried.push(this.#carry(far, near, () => this.losses > 0 && this.losses-- > 0).finally(end));
    }
    await Promise.all(carried);
  }

  async #carry(from: Deno.TcpConn, to: Deno.TcpConn, loses: () => boolean): Promise<void> {
    const bytes = new Uint8Array(65_536);
    try {
      for (let count; (count = await from.read(bytes)) !== null;) {
        if (loses()) return;
        for (let at = 0; at < count;) at += await to.write(bytes.subarray(at, count));
      }
    } catch {
      // Either side went away first.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const end of this.#open) end();
    await this.#serving;
  }
}

const wireTo = (losses: number) => new LossyWire(new URL(orla.http), losses);
const client = ({ url }: LossyWire) => new OrlaClient({ url, apiKey: orla.serviceKey });
const waiting = (queue: string) =>
  session.value("SELECT count(*)::int FROM system.edge_jobs WHERE queue = $1", [queue]);

async function failureOf(call: Promise<unknown>): Promise<string> {
  const thrown = await call.then(() => null, (error: unknown) => error);
  assert.ok(thrown instanceof OrlaError, `rejected with ${thrown}`);
  return thrown.code;
}

Deno.test("a message whose answer is lost is asked for again, and stored once", async () => {
  await using wire = wireTo(2);
  const { jobId } = await client(wire).queues.send("letters", { n: 1 });
  assert.equal(wire.losses, 0);
  assert.equal(await waiting("letters"), 1);
  assert.equal(
    await session.value("SELECT job_id::text FROM system.edge_jobs WHERE queue = 'letters'"),
    jobId,
  );
});

Deno.test("beyond the retries it fails; the same key goes on where it was", async () => {
  // Deno doubles each of the three attempts.
  await using wire = wireTo(6);
  const { queues } = client(wire);
  const options = { idempotencyKey: "batch-1" };
  const messages = [{ payload: 1 }, { payload: 2 }];
  assert.equal(await failureOf(queues.sendMany("batches", messages, options)), "no_answer");
  assert.equal(await waiting("batches"), 2);
  const { jobIds } = await queues.sendMany("batches", messages, options);
  assert.equal(jobIds.length, 2);
  assert.equal(await waiting("batches"), 2);
});

Deno.test("a call is made twice only when its caller says that it may", async () => {
  await using wire = wireTo(1);
  const { functions } = client(wire);
  assert.equal(await failureOf(functions.invoke("count")), "no_answer");
  wire.losses = 1;
  assert.equal(await functions.invoke("count", null, { idempotent: true }), 3);
  wire.losses = 1;
  const plain = await functions.fetch("count", "", { method: "POST" }).catch((thrown) => thrown);
  assert.equal(plain.code, "no_answer");
  assert.equal(await session.value("SELECT last_value::int FROM calls"), 4);
});

Deno.test("objects are read again, and never written again", async () => {
  await using wire = wireTo(0);
  const { storage } = client(wire);
  await storage.put("files", "a", "text");
  wire.losses = 1;
  assert.equal(await (await storage.get("files", "a")).text(), "text");
  wire.losses = 1;
  assert.equal(await failureOf(storage.put("files", "b", "text")), "no_answer");
  assert.equal(wire.losses, 0);
  assert.equal((await storage.head("files", "b"))?.size, 4);
});

Deno.test("what Orla did not begin is sent again, whatever it is", async () => {
  await session.rows(`CREATE SEQUENCE naps;
    CREATE EDGE FUNCTION nap MAX_INSTANCES = 1 CONCURRENCY = 1 LANGUAGE javascript AS $$
      export async function main() {
        const db = await connectToDatabase();
        const { rows } = await db.query("SELECT nextval('naps')::int AS n");
        await new Promise((resolve) => setTimeout(resolve, 10_500));
        return rows[0].n;
      }
    $$`);
  await using wire = wireTo(0);
  const { functions } = client(wire);
  const first = functions.invoke("nap");
  // Calls wait 10 s for an instance: the second is refused once, and let in at its second attempt.
  assert.deepEqual((await Promise.all([first, functions.invoke("nap")])).sort(), [1, 2]);
});
