import assert from "node:assert/strict";
import { writeCommandComplete, writeError, writeReadyForQuery } from "../pgwire/backend.ts";
import { ErrorField, ErrorFields } from "../pgwire/error-fields.ts";
import { HEADER_BYTES, type MessageFramer } from "../pgwire/framer.ts";
import { parseMessage, queryMessage } from "../pgwire/frontend.ts";
import { Backend, Frontend, TransactionStatus } from "../pgwire/types.ts";
import { MessageWriter } from "../pgwire/writer.ts";
import { ReplyStream } from "./reply-stream.ts";
import { RequestStream, type StatementTranslator } from "./request-stream.ts";
import { SessionState } from "./session-state.ts";

/** Replaces the word `edge` by `SELECT ours`. */
const translator: StatementTranslator = {
  mayContainEdge: (bytes, start, end) =>
    new TextDecoder().decode(bytes.subarray(start, end)).includes("edge"),
  translate: (text, { refusal }) => {
    const at = text.indexOf("edge");
    if (at === -1) return Promise.resolve(null);
    return Promise.resolve({
      original: text,
      pieces: [
        { kind: "copied", text: text.slice(0, at), from: 0 },
        { kind: "written", text: refusal ?? "SELECT ours", pointsAt: null },
        { kind: "copied", text: text.slice(at + 4), from: at + 4 },
      ],
    });
  },
};

interface Stream {
  readonly framer: MessageFramer;
  replacement(): Uint8Array | Promise<Uint8Array | null> | null;
}

async function run(stream: Stream, chunks: readonly Uint8Array[]): Promise<Uint8Array> {
  const out: number[] = [];
  const { framer } = stream;
  for (const chunk of chunks) {
    framer.space().set(chunk);
    framer.received(chunk.length);
    let copied = 0;
    while (framer.next()) {
      const { start, end } = framer;
      const replacement = await stream.replacement();
      if (replacement === null) continue;
      out.push(...framer.buffer.subarray(copied, start), ...replacement);
      copied = end;
    }
    out.push(...framer.buffer.subarray(copied, framer.passable));
    framer.discard();
  }
  return new Uint8Array(out);
}

async function runSplitEverywhere(
  make: () => Stream,
  input: Uint8Array,
  expected: Uint8Array,
): Promise<void> {
  for (let at = 0; at <= input.length; at++) {
    const output = await run(make(), [input.subarray(0, at), input.subarray(at)]);
    assert.deepEqual([...output], [...expected], `split at ${at}`);
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function written(write: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter();
  write(writer);
  return writer.take();
}

function authenticated(): SessionState {
  const state = new SessionState();
  state.authenticated = true;
  return state;
}

const named = { statementName: new TextEncoder().encode("s1"), parameterTypes: new Uint8Array(2) };
const bind = new MessageWriter().begin(Frontend.bind).text("edge is data here").end().take();

Deno.test("only texts with edge statements are replaced, wherever the stream is split", async () => {
  await runSplitEverywhere(
    () => new RequestStream({ state: authenticated(), translator, maxStatementBytes: 1000 }),
    concat(
      queryMessage("SELECT 1"),
      parseMessage(named, "edge; é"),
      bind,
      queryMessage("a; edge"),
      queryMessage("end"),
    ),
    concat(
      queryMessage("SELECT 1"),
      parseMessage(named, "SELECT ours; é"),
      bind,
      queryMessage("a; SELECT ours"),
      queryMessage("end"),
    ),
  );
});

Deno.test("nothing is read before authentication, nor above the size limit", async () => {
  const text = queryMessage("edge");
  const early = new RequestStream({ state: new SessionState(), translator, maxStatementBytes: 99 });
  assert.deepEqual([...await run(early, [text])], [...text]);
  const large = new RequestStream({ state: authenticated(), translator, maxStatementBytes: 4 });
  assert.deepEqual([...await run(large, [text])], [...text]);
});

const encodings: [encoding: string, bytes: number[], refused: boolean][] = [
  ["UTF8", [0xc3, 0xa9], false],
  ["SQL_ASCII", [0xc3, 0xa9], false],
  ["LATIN1", [0x61], false],
  ["LATIN1", [0xc3, 0xa9], true],
  ["UTF8", [0xe9], true],
  ["SQL_ASCII", [0xe9], true],
];

for (const [encoding, bytes, refused] of encodings) {
  Deno.test(`${refused ? "refuses" : "takes"} the bytes ${bytes} in ${encoding}`, async () => {
    const state = authenticated();
    state.clientEncoding = encoding;
    const stream = new RequestStream({ state, translator, maxStatementBytes: 99 });
    const message = parseMessage(named, "edge");
    const withBytes = new MessageWriter().begin(Frontend.query).text("edge ")
      .bytes(new Uint8Array(bytes)).byte(0).end().take();
    const output = new TextDecoder().decode(await run(stream, [withBytes, message]));
    assert.equal(/needs? client_encoding|not valid UTF-8/.test(output), refused);
    assert.ok(output.includes("SELECT ours"), "the next text is taken");
  });
}

function replies(state = authenticated(), afterEdgeChange = () => Promise.resolve()): ReplyStream {
  return new ReplyStream({ state, afterEdgeChange });
}

const changed = written((writer) =>
  writeError(writer, { severity: "INFO", sqlState: "OR000", message: "CREATE EDGE FUNCTION" })
);
const complete = (tag: string) => written((writer) => writeCommandComplete(writer, tag));
const ready = (status: number) => written((writer) => writeReadyForQuery(writer, status));
const notice = written((writer) =>
  writeError(writer, { severity: "NOTICE", sqlState: "00000", message: "CALL me" })
);

Deno.test("the signal of a change becomes the next command's tag", async () => {
  await runSplitEverywhere(
    () => replies(),
    concat(complete("CALL"), notice, changed, notice, complete("CALL"), complete("CALL")),
    concat(complete("CALL"), notice, notice, complete("CREATE EDGE FUNCTION"), complete("CALL")),
  );
});

Deno.test("the end of a transaction with a change waits, and only that", async () => {
  const { idle, inTransaction } = TransactionStatus;
  let changes = 0;
  const state = authenticated();
  const stream = replies(state, () => Promise.resolve(void changes++));
  await run(stream, [ready(idle), changed, complete("CALL"), ready(inTransaction)]);
  assert.equal(changes, 0);
  assert.equal(state.transactionStatus, inTransaction);
  await run(stream, [complete("COMMIT"), ready(idle), ready(idle)]);
  assert.equal(changes, 1);
});

function errorWith(fields: ErrorFields): Uint8Array {
  return written((writer) => fields.write(writer, Backend.errorResponse));
}

function fieldsOf(message: Uint8Array): ErrorFields {
  return ErrorFields.read(message, HEADER_BYTES, message.length);
}

Deno.test("errors raised for the gateway get its position and lose what is ours", async () => {
  const raised = errorWith(
    new ErrorFields().set(ErrorField.severityCode, "ERROR").set(ErrorField.message, "no")
      .set(ErrorField.dataType, "orla:17").set(ErrorField.where, "PL/pgSQL function edge.apply")
      .set(ErrorField.file, "pl_exec.c").set(ErrorField.line, "1").set(ErrorField.routine, "r"),
  );
  const expected = errorWith(
    new ErrorFields().set(ErrorField.severityCode, "ERROR").set(ErrorField.message, "no")
      .set(ErrorField.position, "17"),
  );
  await runSplitEverywhere(() => replies(), raised, expected);
});

Deno.test("a position in a rewritten text is one in the client's", async () => {
  const state = authenticated();
  const requests = new RequestStream({ state, translator, maxStatementBytes: 1000 });
  await run(requests, [queryMessage("SELECT 1"), queryMessage("é; edge; SELECT x")]);
  const stream = replies(state);
  const error = (position: string) =>
    errorWith(new ErrorFields().set(ErrorField.position, position));
  const [own, mapped, inside] = [
    await run(stream, [error("16"), ready(TransactionStatus.idle)]),
    await run(stream, [error("16")]),
    await run(stream, [error("5")]),
  ].map((bytes) => fieldsOf(bytes.subarray(0, 1 + new DataView(bytes.buffer).getInt32(1))));
  assert.equal(own?.get(ErrorField.position), "16", "of another query");
  assert.equal(mapped?.get(ErrorField.position), "9");
  assert.equal(inside?.get(ErrorField.position), undefined);
});

Deno.test("session parameters are learnt, authentication is noticed", async () => {
  const state = new SessionState();
  const stream = replies(state);
  const status = (name: string, value: string) =>
    new MessageWriter().begin(Backend.parameterStatus).string(name).string(value).end().take();
  await run(stream, [
    new MessageWriter().begin(Backend.authentication).int32(10).string("SCRAM").byte(0).end()
      .take(),
  ]);
  assert.equal(state.authenticated, false);
  await run(stream, [new MessageWriter().begin(Backend.authentication).int32(0).end().take()]);
  assert.equal(state.authenticated, true);
  await run(stream, [
    status("client_encoding", "LATIN1"),
    status("standard_conforming_strings", "off"),
  ]);
  assert.equal(state.clientEncoding, "LATIN1");
  assert.equal(state.standardConformingStrings, false);
});
