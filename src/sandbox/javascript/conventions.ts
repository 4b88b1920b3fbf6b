/**
 * How each handler style is called, from either side (the design's table of handler styles).
 *
 * `web` and `fetch` want a Web Request; `handler` a plain request object over HTTP and the payload
 * otherwise; `commonjs` always the payload; `main` the declared parameters. HANDLER = 'request' or
 * 'payload' overrides. A caller from the other side gets a bridge: payloads become a POST of JSON,
 * HTTP bodies become payloads.
 */
import type { Assignment, CallHead, HttpCallHead } from "../../protocol/messages.ts";
import { argumentsFrom, payloadFrom } from "./arguments.ts";
import { ownVariables } from "./environment.ts";
import { makeClient, makeSdk, makeUtilities } from "./handler-extras.ts";
import { addFields, makeRequest, makeRequestObject, payloadAsHttp, textOf } from "./http-input.ts";
import type { CallInput, RunningCall } from "./running-call.ts";
import { encodeResult } from "./value-codec.ts";

export type Convention =
  | "request"
  | "requestWithFields"
  | "requestObject"
  | "payload"
  | "parameters";

export type Handler = (...args: unknown[]) => unknown;

/** `ctx` of a web handler. */
export interface WebContext {
  waitUntil(promise: unknown): void;
  passThroughOnException(): void;
  /** What a trigger's path took out of the URL. */
  readonly params: Readonly<Record<string, string>>;
  /** Resolves when the call is over. */
  readonly completed: Promise<void>;
}

export function conventionFor(assignment: Assignment, kind: CallHead["kind"]): Convention {
  const { style, mode } = assignment;
  switch (style) {
    case "web":
      return mode === "payload" ? "payload" : "request";
    case "fetch":
      return mode === "payload" ? "payload" : "requestWithFields";
    case "handler":
      if (mode === "request" || (mode === "auto" && kind === "http")) return "requestObject";
      return "payload";
    case "commonjs":
      return mode === "request" ? "requestObject" : "payload";
    case "main":
      return mode === "request" ? "requestObject" : "parameters";
  }
}

const { apply } = Reflect;

/** Calls the handler; what it returns, throws or rejects with is the caller's to deal with. */
export async function callHandler(
  handler: Handler,
  assignment: Assignment,
  convention: Convention,
  call: RunningCall,
): Promise<unknown> {
  const args = await argumentsOf(handler, assignment, convention, call);
  return await apply(handler, undefined, args);
}

async function argumentsOf(
  handler: Handler,
  assignment: Assignment,
  convention: Convention,
  call: RunningCall,
): Promise<unknown[]> {
  switch (convention) {
    case "request": {
      const { head, body } = await asHttp(call, assignment);
      return [makeRequest(head, body, call), ownVariables(), webContext(call, head)];
    }
    case "requestWithFields": {
      const { head, body } = await asHttp(call, assignment);
      return [
        addFields(makeRequest(head, body, call), head),
        ownVariables(),
        webContext(call, head),
      ];
    }
    case "requestObject": {
      const { head, body } = await asHttp(call, assignment);
      return [await makeRequestObject(head, body), ...extras(call)];
    }
    case "payload": {
      const payload = payloadFrom(await textOf(call.input), call.head, assignment);
      if (assignment.style === "commonjs") return [payload, makeSdk(assignment)];
      const { parameters } = assignment;
      if (parameters === null || parameters.length < 2) return [payload, ...extras(call)];
      return argumentsFrom(await textOf(call.input), call.head, assignment, handler.length);
    }
    case "parameters":
      return argumentsFrom(await textOf(call.input), call.head, assignment, handler.length);
  }
}

function extras(call: RunningCall): [unknown, unknown, unknown] {
  return [makeClient("caller"), makeClient("service"), makeUtilities(call)];
}

/** The call as HTTP: itself, or a POST of the payload. */
async function asHttp(
  call: RunningCall,
  assignment: Assignment,
): Promise<{ head: HttpCallHead; body: CallInput }> {
  const { head, input } = call;
  if (head.kind === "http") return { head, body: input };
  const text = await textOf(input);
  const json = head.shape === "payload"
    ? text || "null"
    : encodeResult(payloadFrom(text, head, assignment));
  return { head: payloadAsHttp(json, head, assignment.name), body: json };
}

function webContext(call: RunningCall, { params = {} }: HttpCallHead): WebContext {
  return {
    waitUntil: (promise) => call.waitUntil(promise),
    passThroughOnException: () => {},
    params,
    get completed() {
      return call.completed;
    },
  };
}
