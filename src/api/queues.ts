/** `POST /api/v1/queues/{name}/messages`: a message for the trigger on a queue. */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import { parseJson } from "../gateway/json-text.ts";
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
  /** Resolves with the job's id once the message is stored. Throws `invalid_request`. */
  publish(queue: string, message: Message): Promise<string>;
}

const WEEKS_MS = 366 * 24 * 3_600_000;

const body = z.strictObject({
  payload: z.unknown().optional(),
  delay_ms: z.int().min(0).max(WEEKS_MS).default(0),
  key: z.string().min(1).max(100).nullable().default(null),
  priority: z.int().min(-32768).max(32767).default(0),
  unique_key: z.string().min(1).max(100).nullable().default(null),
});

export function queueRoutes(queues: Queues): readonly Route[] {
  return [{
    method: "POST",
    path: "/api/v1/queues/{name}/messages",
    access: "service",
    operation: {
      operationId: "publishMessage",
      summary: "Put a message into a queue",
      description:
        '`{"payload", "delay_ms", "key", "priority", "unique_key"}`, all but the payload optional. ' +
        "The answer comes once the message is stored.",
      tags: ["triggers"],
      requestBody: { content: { "application/json": { schema: { type: "object" } } } },
      responses: { "202": { description: '`{"job_id"}`' } },
    },
    handle: async ({ params, readBody, requestId }) => {
      const parsed = body.safeParse(parseJson(decodeText(await readBody()) || "{}"));
      if (!parsed.success) {
        throw new OrlaError("invalid_request", "The body is no message.", {
          detail: z.prettifyError(parsed.error),
          hint: 'Send {"payload": …}, and if need be delay_ms, key, priority, unique_key.',
        });
      }
      const { payload = null, delay_ms, key, priority, unique_key } = parsed.data;
      const jobId = await queues.publish(params["name"] ?? "", {
        payload,
        delayMs: delay_ms,
        key,
        priority,
        uniqueKey: unique_key,
      });
      const response = jsonResponse(JSON.stringify({ job_id: jobId }), ["x-request-id", requestId]);
      return new Response(response.body, { status: 202, headers: response.headers });
    },
  }];
}
