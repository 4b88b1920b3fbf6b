import { deepEqual, equal } from "node:assert/strict";
import { type GatedCall, StartGate } from "./start-gate.ts";

interface Call extends GatedCall {
  cancelled: boolean;
}

/** A gate on a real file, whose calls keep the processor for as long as the test says. */
class Gate implements Disposable {
  readonly started: number[] = [];
  readonly released: number[] = [];
  readonly pings: number[] = [];
  computeMs = 0;
  readonly #path = Deno.makeTempFileSync();
  readonly #file = Deno.openSync(this.#path, { write: true });
  readonly gate = new StartGate<Call>(
    this.#file,
    ({ id }) => {
      this.started.push(id);
      const end = performance.now() + this.computeMs;
      while (performance.now() < end);
    },
    (lastStarted) => this.pings.push(lastStarted),
  );

  admit(id: number, ageMs = 0): Call {
    const release = () => void this.released.push(id);
    const call = { id, sentAt: Date.now() - ageMs, cancelled: false, release };
    this.gate.admit(call);
    return call;
  }

  get marked(): number {
    const bytes = Deno.readFileSync(this.#path);
    return bytes.length === 0 ? 0 : new DataView(bytes.buffer).getUint32(0);
  }

  [Symbol.dispose](): void {
    this.#file.close();
    Deno.removeSync(this.#path);
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function proven(): Promise<Gate> {
  const gate = new Gate();
  gate.gate.open();
  gate.admit(1);
  await turn();
  gate.admit(2);
  await turn();
  gate.started.length = 0;
  return gate;
}

Deno.test("nothing starts before the module is imported; then one call a turn until turns prove short", async () => {
  using gate = new Gate();
  for (const id of [1, 2, 3, 4, 5]) gate.admit(id);
  deepEqual([gate.started, gate.marked], [[], 0]);
  gate.gate.open();
  deepEqual([gate.started, gate.marked], [[1], 1]);
  await turn();
  deepEqual(gate.started, [1, 2]);
  await turn();
  deepEqual([gate.started, gate.marked], [[1, 2, 3, 4, 5], 5]);
  deepEqual(gate.pings, []);
});

Deno.test("short calls start as they come", async () => {
  using gate = await proven();
  for (let id = 3; id < 40; id++) gate.admit(id);
  equal(gate.started.length, 37);
  deepEqual(gate.pings, []);
});

Deno.test("after a long turn it asks, and starts one call for each answer", async () => {
  using gate = new Gate();
  gate.computeMs = 10;
  gate.gate.open();
  const calls = [1, 2, 3].map((id) => gate.admit(id));
  deepEqual(gate.started, [1]);
  await turn();
  deepEqual([gate.started, gate.pings], [[1], [1]]);
  await turn();
  deepEqual([gate.started, gate.pings], [[1], [1]]);
  // One was given to another instance meanwhile.
  if (calls[1] !== undefined) calls[1].cancelled = true;
  gate.gate.pong();
  deepEqual([gate.started, gate.marked, gate.released], [[1, 3], 3, [2]]);
  await turn();
  deepEqual(gate.pings, [1]);
});

Deno.test("a call that comes late has waited for a long turn: care begins again", async () => {
  using gate = await proven();
  gate.admit(3, 50);
  gate.admit(4);
  deepEqual(gate.started, [3]);
  await turn();
  deepEqual(gate.started, [3, 4]);
});

Deno.test("a stale call starts only when everything sent before has been read", async () => {
  using gate = await proven();
  const stale = gate.admit(3, 150);
  gate.admit(4);
  deepEqual([gate.started, gate.pings], [[], [2]]);
  stale.cancelled = true;
  gate.gate.pong();
  deepEqual([gate.started, gate.released], [[4], [3]]);
  gate.gate.pong();
  deepEqual([gate.started, gate.released], [[4], [3]]);
});
