/** `POST /api/v1/hooks/{name}`: a moment of somebody's pipeline, told to the functions that wait for it. */
import { OrlaError } from "../base/errors.ts";
import { plainName } from "../base/plain-name.ts";
import { parseJson } from "../gateway/json-text.ts";
import { decodeText, jsonResponse } from "../gateway/payload-call.ts";
import type { Route } from "../gateway/route.ts";

/** Implemented by `triggers/`. */
export interface Hooks {
  /** Calls every function of the hook; failures are among the results. */
  run(hook: string, context: string): Promise<readonly unknown[]>;
}

export function hookRoutes(hooks: Hooks): readonly Route[] {
  return [{
    method: "POST",
    path: "/api/v1/hooks/{name}",
    access: "service",
    operation: {
      operationId: "runHook",
      summary: "Call every function of a hook",
      description:
        "The body, any JSON, is the context that each function gets. The answer comes when all have " +
        "ended, and is 200 whatever became of them: a failure is told and blocks nothing. A name " +
        "without triggers answers with no results.",
      tags: ["triggers"],
      requestBody: { content: { "application/json": { schema: {} } } },
      responses: { "200": { description: "`{hook, results}`, one result for each function." } },
    },
    handle: async ({ params, readBody, requestId }) => {
      const name = params["name"] ?? "";
      if (!plainName.test(name)) {
        throw new OrlaError("invalid_request", `"${name}" cannot be the name of a hook.`);
      }
      const text = decodeText(await readBody());
      if (text !== "") parseJson(text);
      const results = await hooks.run(name, text === "" ? "null" : text);
      return jsonResponse(JSON.stringify({ hook: name, results }), ["x-request-id", requestId]);
    },
  }];
}
