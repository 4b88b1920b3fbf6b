/** Finds the handler in an imported module. */
import type { Assignment } from "../../protocol/messages.ts";
import type { Handler, WebContext } from "./conventions.ts";
import { registeredHandler } from "./registrations.ts";

/** Where compiling puts the handler of code that defines it without exporting it. */
const COMPILED_EXPORT = "__orla_handler__";

export function findHandler(
  assignment: Assignment,
  module: Readonly<Record<string, unknown>>,
  commonJsExports: unknown,
): Handler {
  const handler = lookUp(assignment, module, commonJsExports);
  if (handler === undefined) throw new TypeError(missing[assignment.style]);
  return handler;
}

const missing: Readonly<Record<Assignment["style"], string>> = {
  web:
    "the code neither exports a default handler nor registers one with Deno.serve, serve or addEventListener",
  fetch: "the code defines no function `fetch`",
  handler: "the code defines no function `handler`",
  commonjs: "the code sets neither module.exports nor exports.handler to a function",
  main: "the code defines no function `main`",
};

function lookUp(
  { style }: Assignment,
  module: Readonly<Record<string, unknown>>,
  commonJsExports: unknown,
): Handler | undefined {
  const compiled = module[COMPILED_EXPORT];
  if (isFunction(compiled)) return compiled;
  switch (style) {
    case "web": {
      const registered = registeredHandler();
      if (registered !== undefined) {
        return (request, _env, context) => registered(request as Request, context as WebContext);
      }
      return handlerOf(compiled) ?? handlerOf(module["default"]);
    }
    case "commonjs":
      if (isFunction(commonJsExports)) return commonJsExports;
      return memberOf(commonJsExports, "handler") ?? memberOf(commonJsExports, "default");
    case "fetch":
    case "handler":
    case "main":
      return functionOf(module[style]) ?? memberOf(module["default"], style);
  }
}

/** A function, or an object with `fetch`. */
function handlerOf(value: unknown): Handler | undefined {
  return isFunction(value) ? value : memberOf(value, "fetch");
}

/** Bound, because handlers of the object form may use `this`. */
function memberOf(value: unknown, name: string): Handler | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const member = (value as Record<string, unknown>)[name];
  return isFunction(member) ? member.bind(value) : undefined;
}

function functionOf(value: unknown): Handler | undefined {
  return isFunction(value) ? value : undefined;
}

function isFunction(value: unknown): value is Handler {
  return typeof value === "function";
}
