/** Payloads and arguments from what the caller sent. */
import type { Assignment, CallHead } from "../../protocol/messages.ts";
import { uncurryThis } from "../../protocol/primordials.ts";
import { InvalidInput } from "./errors.ts";
import { paramsOf } from "./http-input.ts";
import { decodeValue, parseExact, plain } from "./value-codec.ts";

type Parameters = NonNullable<Assignment["parameters"]>;
type Named = Readonly<Record<string, unknown>>;

const { parse } = JSON;
const { isArray } = Array;
const { hasOwn, keys } = Object;
const startsWith = uncurryThis(String.prototype.startsWith);
const toLowerCase = uncurryThis(String.prototype.toLowerCase);
const forEachField = uncurryThis(URLSearchParams.prototype.forEach);
const Fields = URLSearchParams;

/** The one value that a payload handler gets. */
export function payloadFrom(text: string, head: CallHead, assignment: Assignment): unknown {
  if (head.kind === "http") return fromBody(text, head);
  if (head.shape === "payload") return text === "" ? null : parse(text);
  const list = listOf(text);
  const { parameters } = assignment;
  if (parameters === null) return plain(list[0] ?? null);
  if (parameters.length === 1) return decodeValue(list[0], typeOf(parameters, 0));
  const values = positional(list, parameters);
  const named: Record<string, unknown> = {};
  for (let i = 0; i < parameters.length; i++) {
    const name = parameters[i]?.name ?? null;
    if (name === null) return values;
    named[name] = values[i];
  }
  return named;
}

/** The argument list of `main`; `arity` is how many parameters the code itself names. */
export function argumentsFrom(
  text: string,
  head: CallHead,
  assignment: Assignment,
  arity: number,
): unknown[] {
  const { parameters } = assignment;
  if (head.kind === "payload" && head.shape === "arguments") {
    const list = listOf(text);
    return parameters === null ? [plain(list[0] ?? null)] : positional(list, parameters);
  }
  const value = head.kind === "http" ? fromBody(text, head) : text === "" ? null : parseExact(text);
  if (parameters === null) {
    const payload = plain(value);
    return isArray(payload) && arity > 1 ? payload : [payload];
  }
  if (isKeyedBy(value, parameters)) return byName({ ...value, ...pathOf(head) }, parameters);
  return beside(pathOf(head), value, parameters);
}

/** The path's parameters where they are declared, the body's values in the places that are left. */
function beside(path: Named, value: unknown, parameters: Parameters): unknown[] {
  const open: Parameters[number][] = [];
  for (let i = 0; i < parameters.length; i++) {
    const parameter = parameters[i]!; // in range
    if (!hasOwn(path, parameter.name ?? "")) open[open.length] = parameter;
  }
  const given = placed(value, open);
  const list: unknown[] = [];
  for (let i = 0, next = 0; i < parameters.length; i++) {
    const name = parameters[i]?.name ?? "";
    list[i] = hasOwn(path, name) ? path[name] : given[next++];
  }
  return positional(list, parameters);
}

/** A value as positional arguments: an array's elements, or itself as the first. */
function placed(value: unknown, parameters: Parameters): readonly unknown[] {
  if (value === null) return [];
  if (!isArray(value)) return [value];
  return parameters.length !== 1 || takesElements(value, parameters) ? value : [value];
}

function byName(values: Named, parameters: Parameters): unknown[] {
  const list: unknown[] = [];
  for (let i = 0; i < parameters.length; i++) {
    const name = parameters[i]?.name ?? "";
    list[i] = hasOwn(values, name) ? values[name] : undefined;
  }
  return positional(list, parameters);
}

/** What a trigger's path took out of the URL. */
function pathOf(head: CallHead): Named {
  return head.kind === "http" ? head.params ?? {} : {};
}

/** One array for one parameter is its value when the parameter can hold an array. */
function takesElements(list: readonly unknown[], parameters: Parameters): boolean {
  const type = typeOf(parameters, 0);
  return list.length === 1 && !type.endsWith("[]") && type !== "json" && type !== "jsonb";
}

/** An object is keyed by parameter names when it has no other key. */
function isKeyedBy(value: unknown, parameters: Parameters): value is Named {
  if (typeof value !== "object" || value === null || isArray(value)) return false;
  const names: Record<string, true> = Object.create(null);
  for (let i = 0; i < parameters.length; i++) names[parameters[i]?.name ?? ""] = true;
  const given = keys(value);
  for (let i = 0; i < given.length; i++) if (!(given[i] as string in names)) return false;
  return given.length > 0 && parameters.length > 0;
}

function positional(list: readonly unknown[], parameters: Parameters): unknown[] {
  const values: unknown[] = [];
  for (let i = 0; i < parameters.length; i++) {
    values[i] = decodeValue(list[i], typeOf(parameters, i));
  }
  return values;
}

function typeOf(parameters: Parameters, index: number): string {
  return parameters[index]?.type ?? "jsonb";
}

function listOf(text: string): unknown[] {
  const list = text === "" ? [] : parseExact(text);
  if (!isArray(list)) throw new InvalidInput("arguments must be a JSON array");
  return list;
}

function fromBody(text: string, head: CallHead & { kind: "http" }): unknown {
  if (text === "") {
    const params = paramsOf(head);
    return keys(params).length === 0 ? null : params;
  }
  const type = contentType(head.headers);
  try {
    return parse(text);
  } catch (error) {
    // `curl -d` calls everything a form, so a form is only what is no JSON.
    if (startsWith(type, "application/x-www-form-urlencoded")) return fieldsOf(text);
    if (startsWith(type, "text/")) return text;
    throw new InvalidInput(`The request body is not JSON: ${(error as Error).message}`);
  }
}

function fieldsOf(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  forEachField(new Fields(text), (value, name) => fields[name] = value);
  return fields;
}

function contentType(headers: readonly string[]): string {
  for (let i = 0; i < headers.length; i += 2) {
    if (toLowerCase(headers[i] as string) === "content-type") {
      return toLowerCase(headers[i + 1] ?? "");
    }
  }
  return "";
}
