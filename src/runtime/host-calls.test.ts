/** What an instance may send as host calls, honest or not, and what becomes of it. */
import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "../functions/function.ts";
import {
  type HostCallContext,
  HostCallError,
  type HostServices,
} from "../functions/host-services.ts";
import { Flag, FrameType, ProtocolError, writeUint32 } from "../protocol/frame.ts";
import { FrameDecoder } from "../protocol/frame-decoder.ts";
import {
  encodeHostMessage,
  HOST_CHUNK_BYTES,
  HostMessage,
  MAX_HOST_MESSAGE_BYTES,
  MAX_OPEN_HOST_CALLS,
  sendHostMessage,
  splitHostFrame,
} from "../protocol/host-message.ts";
import { Outbox } from "../protocol/outbox.ts";
import { HostCalls } from "./host-calls.ts";

// Only handed through.
const version = {} as FunctionVersion;

interface Answer {
  readonly callId: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly code?: string; readonly message: string };
}

/** Invocations 1 and 2 run; `answers` fills as replies come, by host call id. */
function setUp(call: HostServices["call"]) {
  const answers = new Map<number, Answer>();
  const replies = new Map<number, HostMessage>();
  const waiting = new Map<number, (answer: Answer) => void>();
  const decoder = new FrameDecoder(({ type, flags, callId, payload }) => {
    strictEqual(type, FrameType.hostReply);
    const { id, chunk } = splitHostFrame(payload);
    const reply = replies.get(id) ?? new HostMessage();
    replies.set(id, reply);
    reply.add(chunk);
    if ((flags & Flag.end) === 0) return;
    const answer = { callId, ...JSON.parse(reply.text()) };
    answers.set(id, answer);
    waiting.get(id)?.(answer);
  });
  const outbox = new Outbox((bytes) => Promise.resolve(decoder.push(bytes)));
  const hostCalls = new HostCalls({
    services: { call },
    outbox,
    instanceId: "i1",
    version: () => version,
    invocationOf: (callId) =>
      callId === 1 || callId === 2
        ? { executionId: `e${callId}`, caller: { role: `role${callId}`, service: false } }
        : undefined,
  });
  const incoming = new FrameDecoder(({ callId, flags, payload }) =>
    hostCalls.frame(callId, flags, payload)
  );
  const instance = new Outbox((bytes) => Promise.resolve(incoming.push(bytes)));
  return {
    hostCalls,
    answers,
    ask: (callId: number, id: number, text: string) =>
      sendHostMessage(instance, FrameType.hostCall, callId, id, encodeHostMessage(text)),
    answer: (id: number) => {
      const answer = answers.get(id);
      if (answer !== undefined) return Promise.resolve(answer);
      return new Promise<Answer>((resolve) => waiting.set(id, resolve));
    },
  };
}

const question = (op: string, input: unknown = null) => JSON.stringify({ op, input });

function frame(id: number, chunk: Uint8Array = new Uint8Array(0)): Uint8Array {
  const payload = new Uint8Array(4 + chunk.length);
  writeUint32(payload, 0, id);
  payload.set(chunk, 4);
  return payload;
}

const never = () => new Promise<string>(() => {});

Deno.test("a question reaches the services with the invocation that asks, and back", async () => {
  const seen: HostCallContext[] = [];
  const { ask, answer } = setUp((op, input, context) => {
    seen.push(context);
    return Promise.resolve(JSON.stringify({ op, input }));
  });
  ask(2, 1, question("kv.get", { key: "é" }));
  deepStrictEqual(await answer(1), { callId: 2, value: { op: "kv.get", input: { key: "é" } } });
  ask(0, 2, question("kv.get"));
  strictEqual((await answer(2)).callId, 0);
  deepStrictEqual(seen.map(({ invocation }) => invocation), [
    { executionId: "e2", caller: { role: "role2", service: false } },
    null,
  ]);
});

Deno.test("messages of many frames, interleaved, stay apart", async () => {
  const { hostCalls, answer } = setUp((_, input) => Promise.resolve(JSON.stringify(input)));
  const long = ["a", "b"].map((letter) => letter.repeat(3 * HOST_CHUNK_BYTES));
  const messages = long.map((text) => encodeHostMessage(question("echo", text)));
  for (let from = 0; from < messages[0]!.length; from += HOST_CHUNK_BYTES) {
    for (const [index, message] of messages.entries()) {
      const to = from + HOST_CHUNK_BYTES;
      const flags = to >= message.length ? Flag.end : 0;
      hostCalls.frame(index + 1, flags, frame(index + 1, message.subarray(from, to)));
    }
  }
  deepStrictEqual([(await answer(1)).value, (await answer(2)).value], long);
});

Deno.test("failures are told: ours in outline, a database's with its fields", async () => {
  const failures = [
    new OrlaError("forbidden", "no", { hint: "ask" }),
    new HostCallError({ name: "DatabaseError", message: "dup", code: "23505", table: "t" }),
    new Error("the platform's own secret"),
  ];
  const { ask, answer } = setUp((_, input) => Promise.reject(failures[Number(input)]));
  for (const index of failures.keys()) ask(1, index + 1, question("x", index));
  deepStrictEqual((await answer(1)).error, {
    name: "HostError",
    message: "no",
    code: "forbidden",
    hint: "ask",
  });
  deepStrictEqual((await answer(2)).error, {
    name: "DatabaseError",
    message: "dup",
    code: "23505",
    table: "t",
  } as never); // more fields than every error has
  strictEqual((await answer(3)).error?.message, "The platform failed to do this");
});

Deno.test("an invocation that does not run, or not here, cannot be asked for", async () => {
  let asked = 0;
  const { ask, answer } = setUp(() => Promise.resolve(String(++asked)));
  ask(3, 1, question("kv.get"));
  ask(0xffff_ffff, 2, question("kv.get"));
  strictEqual((await answer(1)).error?.code, "cancelled");
  strictEqual((await answer(2)).error?.code, "cancelled");
  strictEqual(asked, 0);
});

Deno.test("an invocation's end aborts its host calls and nobody else's", async () => {
  const signals: AbortSignal[] = [];
  const { hostCalls, ask, answer } = setUp((_, __, { signal }) => {
    signals.push(signal);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  });
  for (const [id, callId] of [1, 1, 2].entries()) ask(callId, id + 1, question("wait"));
  await Promise.resolve();
  strictEqual(signals[0], signals[1]);
  hostCalls.invocationOver(1);
  strictEqual((await answer(1)).error?.code, "cancelled");
  strictEqual((await answer(2)).error?.code, "cancelled");
  deepStrictEqual(signals.map(({ aborted }) => aborted), [true, true, false]);
  hostCalls.close();
  ok(signals[2]?.aborted);
});

Deno.test("a hundred thousand questions at once: a thousand are asked, the others refused, none kept", async () => {
  let asked = 0;
  const { hostCalls, answers, answer } = setUp(() => (asked++, never()));
  const bytes = encodeHostMessage(question("wait"));
  const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  for (let id = 1; id <= 100_000; id++) {
    hostCalls.frame(1, Flag.end, frame(id, bytes));
    // As the socket would: answers are read between reads.
    if (id % 10_000 === 0) {
      await turn();
      strictEqual(answers.get(id)?.error?.code, "limit_exceeded");
      answers.clear();
    }
  }
  strictEqual(await Promise.race([answer(1), turn()]), undefined);
  deepStrictEqual([asked, hostCalls.openCount], [MAX_OPEN_HOST_CALLS, MAX_OPEN_HOST_CALLS]);
});

Deno.test("who does not read answers is cut off", () => {
  const hostCalls = new HostCalls({
    services: { call: () => never() },
    outbox: new Outbox(() => new Promise(() => {})),
    instanceId: "i1",
    version: () => version,
    invocationOf: () => undefined,
  });
  const unfinished = frame(0);
  throws(() => {
    for (let id = 1; id < 10_000_000; id++) {
      writeUint32(unfinished, 0, id);
      hostCalls.frame(1, 0, unfinished);
    }
  }, ProtocolError);
});

Deno.test("what is too long is refused where it grows too long, and its rest ignored", async () => {
  const { hostCalls, answer } = setUp(never);
  const chunk = new Uint8Array(HOST_CHUNK_BYTES);
  const fits = MAX_HOST_MESSAGE_BYTES / HOST_CHUNK_BYTES;
  for (let part = 0; part < fits + 10; part++) hostCalls.frame(1, 0, frame(1, chunk));
  match((await answer(1)).error?.message ?? "", /33554432 bytes at most/);
  strictEqual(hostCalls.openCount, 0);
  // Neither may many be half sent, however short of the limit each is.
  for (let id = 2; id <= 4; id++) {
    for (let part = 0; part < fits; part++) hostCalls.frame(1, 0, frame(id, chunk));
  }
  match((await answer(4)).error?.message ?? "", /Too many large host calls/);
  strictEqual(hostCalls.openCount, 2);
});

Deno.test("forged frames end the instance", () => {
  const { hostCalls } = setUp(never);
  const payload = (text: string) => frame(1, encodeHostMessage(text));
  throws(() => hostCalls.frame(1, Flag.end, new Uint8Array(3)), ProtocolError);
  throws(() => hostCalls.frame(1, Flag.end, frame(1, new Uint8Array(HOST_CHUNK_BYTES + 1))));
  for (const text of ["", "null", "[]", "{", '{"op":1}', `{"op":"${"x".repeat(65)}"}`]) {
    throws(() => setUp(never).hostCalls.frame(1, Flag.end, payload(text)), ProtocolError, text);
  }
  hostCalls.frame(1, 0, payload("{"));
  throws(() => hostCalls.frame(2, Flag.end, payload("}")), ProtocolError);
  hostCalls.frame(1, Flag.end, frame(2, encodeHostMessage(question("wait"))));
  throws(() => hostCalls.frame(1, Flag.end, frame(2, encodeHostMessage("x"))), ProtocolError);
});

Deno.test("an answer beyond the limit is an error; the largest passes", async () => {
  const { ask, answer } = setUp((_, length) => Promise.resolve(`"${"x".repeat(Number(length))}"`));
  const frameAround = '{"value":""}'.length;
  ask(1, 1, question("x", MAX_HOST_MESSAGE_BYTES - frameAround));
  strictEqual((await answer(1)).error, undefined);
  ask(1, 2, question("x", MAX_HOST_MESSAGE_BYTES - frameAround + 1));
  strictEqual((await answer(2)).error?.code, "limit_exceeded");
});
