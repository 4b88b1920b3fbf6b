import { deepEqual, equal, throws } from "node:assert/strict";
import { EventStreamParser, type ServerEvent } from "./event-stream.ts";

function parsed(...chunks: string[]): { events: ServerEvent[]; retryMs: number | undefined } {
  const events: ServerEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event));
  for (const chunk of chunks) parser.push(chunk);
  return { events, retryMs: parser.retryMs };
}

const STREAM =
  "\ufeff: a comment\r\nretry: 1500\r\nevent: news\r\ndata: one\r\ndata:two\r\ndata\r\n\r\n" +
  "id: 7\rdata:  spaced\r\r\nunknown: x\ndata: last\n\nevent: none\n\ndata: cut off";

Deno.test("event stream: every field and line end, cut at every place", () => {
  const expected = {
    events: [
      { type: "news", data: "one\ntwo\n", lastEventId: "" },
      { type: "message", data: " spaced", lastEventId: "7" },
      { type: "message", data: "last", lastEventId: "7" },
    ],
    retryMs: 1500,
  };
  for (let at = 0; at <= STREAM.length; at++) {
    deepEqual(parsed(STREAM.slice(0, at), STREAM.slice(at)), expected, `cut at ${at}`);
  }
  deepEqual(parsed(...STREAM), expected);
});

Deno.test("event stream: what is malformed is ignored, what is endless ends", () => {
  const { events, retryMs } = parsed("retry: soon\nid: a\0b\nevent\ndata:\n\n");
  deepEqual(events, [{ type: "message", data: "", lastEventId: "" }]);
  equal(retryMs, undefined);
  throws(() => parsed(`data: ${"x".repeat(9 << 20)}`), RangeError);
});
