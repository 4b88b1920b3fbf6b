import assert from "node:assert/strict";
import { ReplyTracker } from "./reply-tracker.ts";

/**
 * A conversation: `>` letters are sent by the client, `<` letters by the server, in this order;
 * `=cycle.index` asserts which request the next answer belongs to, `idle` and `busy` the state.
 */
function converse(script: string): void {
  const tracker = new ReplyTracker();
  for (const step of script.trim().split(/\s+/)) {
    const [head, ...letters] = step;
    if (head === ">") letters.forEach((letter) => tracker.sent(letter.charCodeAt(0)));
    else if (head === "<") letters.forEach((letter) => tracker.received(letter.charCodeAt(0)));
    else if (head === "=") {
      const { cycle, index } = tracker.answeredPlace;
      assert.equal(`=${cycle}.${index}`, step, script);
    } else assert.equal(tracker.idle ? "idle" : "busy", step, script);
  }
}

const conversations: Record<string, string> = {
  "the start-up's ReadyForQuery answers nothing": "idle <RSSKZ idle =0.0",
  "a simple query": ">Q busy =0.0 <TDDC =0.0 <Z idle =1.0",
  "several statements in one query belong to one message": ">Q <TDCTDCC =0.0 <E =0.0 <Z idle",
  "pipelined queries": ">QQQ <CZ =1.0 busy <TDCZ =2.0 <E =2.0 <Z idle",
  "extended messages count one completion each":
    ">PBDES =0.0 <1 =0.1 <2 =0.2 <T =0.3 <DDC =0.4 <Z idle",
  "Describe of a statement answers twice, completes once": ">PDS <1 =0.1 <t =0.1 <n =0.2 <Z idle",
  "portals suspended and rows do not count twice": ">PBES <12DDs =0.3 <Z >ES <DC <Z idle",
  "Flush and notifications are no requests": ">PH busy <1 =0.1 <ANS =0.1 >S busy <Z idle",
  "pipelined cycles": ">PBESPBES <12C =0.3 <Z =1.0 <12 =1.2 <E =1.2 <Z idle",
  "an error skips to Sync": ">PBEPBES <1 =0.1 <E <Z =1.0 idle",
  "a Query after a failed extended message is discarded": ">PQS <E <Z =2.0 idle >Q =2.0 <CZ idle",
  "so is one sent after the error arrived": ">P <E >Q busy >S busy <Z idle",
  "a Query that ends extended messages": ">PBEQ <12C =0.3 <TDC =0.3 <Z idle",
  "a function call": ">F <VZ idle",
  "COPY from a simple query": ">Q <G >ddc busy <CZ idle >Q =1.0 <CZ idle",
  "failed COPY from a simple query": ">Q <G >dd <EZ >dc idle >Q <CZ idle",
  "COPY in the extended protocol swallows the early Sync":
    ">PBES <12G busy >ddc busy >S <CZ idle >Q <CZ idle",
  "COPY in the extended protocol, data sent before the server asked":
    ">PBES >ddcS <12G busy <C busy <Z idle",
  "COPY in the extended protocol, Sync only at the end": ">PBE <12G >ddcS <C busy <Z idle",
  "COPY to the client": ">Q <HdddcCZ idle",
};

for (const [name, script] of Object.entries(conversations)) {
  Deno.test(name, () => converse(script));
}
