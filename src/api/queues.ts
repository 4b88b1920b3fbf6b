/** `POST /api/v1/queues/{name}/messages`: a message for the trigger on a queue. */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import { parseJsonExactly } from "../gateway/json-text.ts";
import { decodeText, jsonResponse } from "../gateway/payload-call.ts";
import type { Route } from "../gateway/route.ts";

export interface Message {
  readonly payload: unknown;
  readonly delayMs: number;
  /** Messages of one key are delivered in order. */
  readonly key: string | null;
  /** Lower ones first. */
  readonly priority: number;
  /** While one of these waits, another is not added. */
  readonly uniqueKey: string | null;
}

/** Implemented by `triggers/`. */
export interface Queues {
  /**
   * Resolves with the jobs' ids once all messages are stored, or none of them is. The same again with
   * the same key adds nothing. Throws `invalid_request`.
   */
  publish(
    queue: string,
    messages: readonly Message[],
    idempotencyKey: string | null,
  ): Promise<readonly string[]>;
}

const MAX_DELAY_MS = 366 * 24 * 3_600_000;

/** Of one request: more would be a transaction that others wait for. */
const MAX_MESSAGES = 1000;

const message = z.strictObject({
  payload: z.unknown().optional(),
  delay_ms: z.int().min(0).max(MAX_DELAY_MS).default(0),
  key: z.string().min(1).max(100).nullable().default(null),
  priority: z.int().min(-32768).max(32767).default(0),
  unique_key: z.string().min(1).max(100).nullable().default(null),
}).transform(({ payload = null, delay_ms, unique_key, ...rest }): Message => ({
  ...rest,
  payload,
  delayMs: delay_ms,
  uniqueKey: unique_key,
}));

const several = z.strictObject({ messages: z.array(message).min(1).max(MAX_MESSAGES) });

/** As https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ names it. */
const IDEMPOTENCY_HEADER = "idempotency-key";
const idempotencyKey = z.string().regex(/^[\x21-\x7e]{1,200}$/).nullable();

export function queueRoutes(queues: Queues): readonly Route[] {
  return [{
    method: "POST",
    path: "/api/v1/queues/{name}/messages",
    access: "service",
    operation: {
      operationId: "publishMessage",
      summary: "Put a message into a queue, or several",
      description:
        '`{"payload", "delay_ms", "key", "priority", "unique_key"}`, all but the payload optional, or ' +
        `\`{"messages"}\`, a list of these: at most ${MAX_MESSAGES}, all of them or none. The answer ` +
        "comes once they are stored. With the header `Idempotency-Key` the same request can be sent " +
        "again for a day: it adds nothing, and is answered as the first time.",
      tags: ["triggers"],
      requestBody: { content: { "application/json": { schema: { type: "object" } } } },
      responses: { "202": { description: '`{"job_id"}`, or `{"job_ids"}` of several' } },
    },
    handle: async ({ params, request, readBody, requestId }) => {
      const body = parseJsonExactly(decodeText(await readBody()) || "{}");
      const one = !isObject(body) || !("messages" in body);
      const messages = one ? [parse(message, body)] : parse(several, body).messages;
      const key = idempotencyKey.safeParse(request.headers.get(IDEMPOTENCY_HEADER));
      if (!key.success) {
        throw new OrlaError("invalid_request", "The idempotency-key cannot be one.", {
          hint: "It has 1 to 200 visible ASCII characters, such as a UUID.",
        });
      }
      const ids = await queues.publish(params["name"] ?? "", messages, key.data);
      const answer = one ? { job_id: ids[0] } : { job_ids: ids };
      return jsonResponse(JSON.stringify(answer), ["x-request-id", requestId], 202);
    },
  }];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new OrlaError("invalid_request", "The body is no message.", {
    detail: z.prettifyError(parsed.error),
    hint: 'Send {"payload": …}, and if need be delay_ms, key, priority, unique_key.',
  });
}
