/**
 * Answers of work that takes as long as an object is large. Clients give up connections that are silent
 * for a minute: like S3, an answer that takes its time begins with blanks, and then says in its body
 * whether it went wrong.
 */
import type { Logger } from "../../base/log.ts";
import type { Exchange } from "../../gateway/route.ts";
import { toS3Error } from "./s3-error.ts";
import { errorBody } from "./s3-error-response.ts";
import { writeXml, XML_DECLARATION, type XmlObject, xmlResponse } from "./xml.ts";

/** What is done by then has a status of its own. */
const PATIENCE_MS = 10_000;

export interface SlowCall {
  readonly exchange: Pick<Exchange, "url" | "requestId">;
  readonly log: Logger;
}

/** Rejects as `work` does while there is time for that. */
export async function slowAnswer(
  root: string,
  { exchange: { url, requestId }, log }: SlowCall,
  work: () => Promise<XmlObject>,
  patienceMs = PATIENCE_MS,
): Promise<Response> {
  const working = work();
  const quick = await within(patienceMs, working);
  if (quick !== undefined) return xmlResponse(root, quick);
  const ending = working.then(
    (content) => writeXml(root, content),
    (thrown) => {
      const error = toS3Error(thrown);
      if (error.code === "InternalError") log.error("Request failed", { requestId, error });
      return writeXml("Error", errorBody(error, new URL(url).pathname, requestId));
    },
  );
  return new Response(ReadableStream.from(blanksUntil(ending, patienceMs)), {
    headers: { "content-type": "application/xml" },
  });
}

async function* blanksUntil(ending: Promise<string>, everyMs: number): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  yield encoder.encode(XML_DECLARATION);
  for (;;) {
    const text = await within(everyMs, ending);
    yield encoder.encode(text ?? " ");
    if (text !== undefined) return;
  }
}

/** `undefined` when it is not done in time. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
