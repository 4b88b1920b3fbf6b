import assert from "node:assert/strict";
import { silentLogger } from "../../base/log.ts";
import { S3Error } from "./s3-error.ts";
import { slowAnswer } from "./slow-answer.ts";

const exchange = { url: "http://h/storage/v1/s3/b/k", requestId: "r1" };
const call = { exchange, log: silentLogger };
const bad = new S3Error("EntityTooLarge", "It is too much.");

Deno.test("what is quick is an ordinary answer, or an error", async () => {
  const answer = await slowAnswer("Done", call, () => Promise.resolve({ ETag: '"1"' }));
  assert.match(
    await answer.text(),
    /^<\?xml [^>]+>\n<Done [^>]+><ETag>&quot;1&quot;<\/ETag><\/Done>$/,
  );
  await assert.rejects(slowAnswer("Done", call, () => Promise.reject(bad)), bad);
});

Deno.test("what is slow begins with blanks, and says at the end how it went", async () => {
  for (const error of [null, bad]) {
    let settle = () => {};
    const work = new Promise<{ ETag: string }>((resolve, reject) => {
      settle = () => error === null ? resolve({ ETag: "1" }) : reject(error);
    });
    const answer = await slowAnswer("Done", call, () => work, 1);
    assert.equal(answer.status, 200);
    let text = "";
    assert.ok(answer.body);
    for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (text.endsWith("  ")) settle();
    }
    const end = error === null
      ? /^<\?xml [^>]+>\n {2,}<Done [^>]+><ETag>1<\/ETag><\/Done>$/
      : /^<\?xml [^>]+>\n {2,}<Error><Code>EntityTooLarge<\/Code>.*<RequestId>r1</;
    assert.match(text, end);
  }
});
