/** A request to a function as it is kept for replay, in JSON. */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import type { CallBase, HttpCall, HttpReply } from "./call.ts";

const text = z.string().nullable();

const recordedRequest = z.object({
  method: z.string(),
  url: z.string(),
  /** Lower-case names; repeated ones are joined. */
  headers: z.record(z.string(), z.string()),
  body: z.union([z.object({ text: z.string() }), z.object({ base64: z.string() })]).nullable(),
  /** What the trigger's path took out of the URL. */
  params: z.record(z.string(), z.string()),
  user: z.object({ id: text, email: text, role: text, sessionId: text }).nullable(),
});

export type RecordedRequest = z.infer<typeof recordedRequest>;
export type RecordedBody = RecordedRequest["body"];

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** As text where it is any, so that people can read it. */
export function recordBody(bytes: Uint8Array): RecordedBody {
  try {
    const text = utf8.decode(bytes);
    // Postgres keeps no NUL in JSON.
    return text.includes("\0") ? { base64: bytes.toBase64() } : { text };
  } catch {
    return { base64: bytes.toBase64() };
  }
}

/** The call that `json`, the text of a recorded request, is for. */
export function recordedCall(json: string): Omit<HttpCall, keyof CallBase> {
  const { headers, body, user, ...rest } = recordedRequest.parse(JSON.parse(json));
  return {
    kind: "http",
    ...rest,
    headers: Object.entries(headers).flat(),
    body: body === null ? null : bytesOf(body),
    user: user ?? undefined,
  };
}

function bytesOf(body: NonNullable<RecordedBody>): Uint8Array {
  return "text" in body ? new TextEncoder().encode(body.text) : Uint8Array.fromBase64(body.base64);
}

/**
 * JSON text of `{status, headers, body}`, the body as text or as `{"base64": …}`.
 * Throws `limit_exceeded` beyond `maxBytes`.
 */
export async function replyAsJson(reply: HttpReply, maxBytes: number): Promise<string> {
  const { status, headers: flat } = reply;
  const headers = new Headers();
  for (let i = 0; i < flat.length; i += 2) headers.append(flat[i]!, flat[i + 1]!); // pairs
  const bytes = reply.body instanceof ReadableStream
    ? await readUpTo(reply.body, maxBytes)
    : reply.body ?? new Uint8Array(0);
  const body = recordBody(bytes);
  return JSON.stringify({
    status,
    headers: Object.fromEntries(headers),
    body: body !== null && "text" in body ? body.text : body,
  });
}

async function readUpTo(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  // Leaving the loop early cancels the stream, and with it the call.
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new OrlaError("limit_exceeded", `the response is larger than ${maxBytes} bytes`);
    }
    chunks.push(new Uint8Array(chunk));
  }
  return await new Blob(chunks).bytes();
}
