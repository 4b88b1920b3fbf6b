/** Routes that call a function with a JSON payload. */
import { OrlaError } from "../base/errors.ts";
import type { FunctionNames } from "../gateway/function-lookup.ts";
import { namesOfId } from "../gateway/function-path.ts";
import { parseJson } from "../gateway/json-text.ts";
import { decodeText, type PayloadCaller } from "../gateway/payload-call.ts";
import type { Exchange, Operation, Route } from "../gateway/route.ts";

export function invokeRoutes(call: PayloadCaller): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/invoke/{id}",
      access: "function",
      operation: bare("invoke"),
      handle: (exchange) => invokeBare(exchange, namesOfId(exchange.params["id"] ?? ""), call),
    },
    {
      method: "POST",
      path: "/invoke/{namespace}/{name}",
      access: "function",
      operation: bare("invokeInNamespace"),
      handle: (exchange) => invokeBare(exchange, namesInNamespace(exchange), call),
    },
    {
      method: "POST",
      path: "/api/v1/functions/{name}/invoke",
      access: "function",
      operation: wrapped("invokeFunction"),
      handle: (exchange) => invokeWrapped(exchange, namesOfId(exchange.params["name"] ?? ""), call),
    },
    {
      method: "POST",
      path: "/api/v1/functions/{namespace}/{name}/invoke",
      access: "function",
      operation: wrapped("invokeFunctionInNamespace"),
      handle: (exchange) => invokeWrapped(exchange, namesInNamespace(exchange), call),
    },
  ];
}

function namesInNamespace({ params }: Exchange): FunctionNames {
  return [{ namespace: params["namespace"] ?? "", name: params["name"] ?? "" }];
}

/** The body is the payload, the answer the result. No body is the payload `null`. */
function invokeBare(
  exchange: Exchange,
  names: FunctionNames,
  call: PayloadCaller,
): Promise<Response> {
  return call(exchange, {
    names,
    trigger: "http",
    render: (output) => output,
    async readInput() {
      const text = decodeText(await exchange.readBody());
      if (text === "") return "null";
      parseJson(text);
      return text;
    },
  });
}

/** `{"payload"}` in, `{"status", "result", "duration_ms"}` out. */
function invokeWrapped(
  exchange: Exchange,
  names: FunctionNames,
  call: PayloadCaller,
): Promise<Response> {
  return call(exchange, {
    names,
    trigger: "api",
    render: (output, durationMs) =>
      `{"status":"success","result":${output},"duration_ms":${Math.round(durationMs * 100) / 100}}`,
    async readInput() {
      const text = decodeText(await exchange.readBody());
      return JSON.stringify(payloadOf(text === "" ? {} : parseJson(text)));
    },
  });
}

function payloadOf(body: unknown): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new OrlaError("invalid_request", "The body must be an object.", {
      hint: 'Wrap the payload: {"payload": …}. POST /invoke/{id} takes it bare.',
    });
  }
  const unknown = Object.keys(body).find((key) => key !== "payload");
  if (unknown !== undefined) {
    throw new OrlaError("invalid_request", `The body has an unknown field "${unknown}".`, {
      hint: 'Wrap the payload: {"payload": …}. POST /invoke/{id} takes it bare.',
    });
  }
  return "payload" in body ? body.payload : null;
}

function bare(operationId: string): Operation {
  return {
    operationId,
    summary: "Call a function with a JSON payload",
    description: "The body is the payload; an empty body is `null`. `id` is the function's name, " +
      "or `namespace/name` with the slash escaped as `%2F`.",
    tags: ["functions"],
    requestBody: { content: { "application/json": { schema: {} } } },
    responses: {
      "200": {
        description: "What the function returned.",
        content: { "application/json": { schema: {} } },
      },
    },
  };
}

function wrapped(operationId: string): Operation {
  return {
    operationId,
    summary: "Call a function and learn how it went",
    tags: ["functions"],
    requestBody: {
      content: {
        "application/json": {
          schema: { type: "object", properties: { payload: {} }, additionalProperties: false },
        },
      },
    },
    responses: {
      "200": {
        description: "The function returned.",
        content: {
          "application/json": {
            schema: {
              type: "object",
              required: ["status", "result", "duration_ms"],
              properties: {
                status: { const: "success" },
                result: {},
                duration_ms: { type: "number" },
              },
            },
          },
        },
      },
    },
  };
}
