/**
 * Decides how a module offers its handler. Where the code offers several, the first of these wins:
 *
 * 1. `export default`: a function, or an object with `fetch`; if it is a function called `main`,
 *    rule 4 instead
 * 2. `Deno.serve(…)`, `serve(…)`, `addEventListener("fetch", …)`
 * 3. `exports.handler = …`, `module.exports = …`
 * 4. `main`, exported or at the top level
 * 5. `handler`, likewise
 * 6. `fetch`, likewise
 *
 * `main(request)` of a function without SQL parameters takes a Web `Request`, as `fetch(request)`
 * does, when its parameter is called `request` or `req` or is of type `Request`.
 */
import type {
  AnyNode,
  AssignmentExpression,
  Expression,
  Function as FunctionNode,
  ObjectExpression,
  Program,
} from "acorn";
import { OrlaError } from "../base/errors.ts";
import { closestName } from "../base/closest-name.ts";
import { codeError, type Source } from "./compile-diagnostic.ts";
import type { Declaration, ModuleScope } from "./compile-scope.ts";
import type { Locate } from "./compile-syntax.ts";
import type { HandlerStyle } from "./function.ts";

export interface Handler {
  readonly style: HandlerStyle;
  /** The top-level name to export as the handler; `null` where the instance finds it by itself. */
  readonly local: string | null;
}

interface Compilation {
  readonly source: Source;
  readonly locate: Locate;
  readonly program: Program;
  readonly scope: ModuleScope;
  /** The function declares SQL parameters. */
  readonly hasParameters: boolean;
  /** It imports `serve`, under any name. */
  readonly importsServe: boolean;
}

/** Names looked for at the top level, in this order. */
const names = ["main", "handler", "fetch"] as const;

/** Throws `invalid_code` when there is no handler. */
export function findHandler(compilation: Compilation): Handler {
  const exported = exportedNames(compilation.program);
  const byDefault = fromDefaultExport(compilation, exported);
  if (byDefault !== null) return byDefault;
  if (compilation.importsServe || compilation.scope.globalCalls.some(registersHandler)) {
    return { style: "web", local: null };
  }
  if (compilation.scope.globalAssignments.some(exportsHandler)) {
    return { style: "commonjs", local: null };
  }
  for (const name of names) {
    const local = exported.get(name) ?? name;
    const declaration = compilation.scope.declarations.get(local);
    if (declaration !== undefined) return named(compilation, name, local, declaration);
  }
  throw noHandler(compilation);
}

/** `default` maps to a name only in `export { x as default }` and `export default x`. */
function exportedNames(program: Program): Map<string, string> {
  const exported = new Map<string, string>();
  for (const item of program.body) {
    if (item.type === "ExportDefaultDeclaration") {
      const { declaration } = item;
      if (declaration.type === "Identifier") exported.set("default", declaration.name);
      else if (
        "id" in declaration && declaration.type === "FunctionDeclaration" && declaration.id
      ) {
        exported.set("default", declaration.id.name);
      }
    }
    if (item.type !== "ExportNamedDeclaration" || item.source) continue;
    for (const { local, exported: outside } of item.specifiers) {
      if (local.type !== "Identifier") continue;
      exported.set(
        outside.type === "Identifier" ? outside.name : String(outside.value),
        local.name,
      );
    }
  }
  return exported;
}

function fromDefaultExport(
  compilation: Compilation,
  exported: ReadonlyMap<string, string>,
): Handler | null {
  const local = exported.get("default");
  if (local !== undefined) {
    const declaration = compilation.scope.declarations.get(local);
    if (declaration === undefined) return null;
    if (local === "main") return named(compilation, "main", local, declaration);
    return mayBeWebHandler(valueOf(declaration)) ? { style: "web", local: null } : null;
  }
  for (const item of compilation.program.body) {
    if (item.type === "ExportDefaultDeclaration") {
      return mayBeWebHandler(item.declaration) ? { style: "web", local: null } : null;
    }
  }
  return null;
}

/** False where the code itself says that the value is neither a function nor has a `fetch`. */
function mayBeWebHandler(value: AnyNode | null): boolean {
  switch (value?.type) {
    case "ObjectExpression":
      return hasKey(value, "fetch");
    case "ClassDeclaration":
    case "ClassExpression":
    case "Literal":
    case "TemplateLiteral":
    case "ArrayExpression":
      return false;
    default:
      return true;
  }
}

function named(
  compilation: Compilation,
  name: typeof names[number],
  local: string,
  declaration: Declaration,
): Handler {
  const value = valueOf(declaration);
  if (value !== null && !mayBeFunction(value)) {
    const what = declaration.kind === "class" ? "a class" : "not a function";
    throw codeError(compilation.source, {
      code: "invalid_code",
      title: "Handler",
      message: `${local} is ${what}`,
      offset: compilation.locate(declaration.node.start),
      hint: `The handler ${name} must be a function.`,
    });
  }
  const style = name === "main" && takesRequest(compilation, value) ? "fetch" : name;
  return { style, local };
}

function mayBeFunction(value: AnyNode): boolean {
  switch (value.type) {
    case "ObjectExpression":
    case "ClassDeclaration":
    case "ClassExpression":
    case "Literal":
    case "TemplateLiteral":
    case "ArrayExpression":
      return false;
    default:
      return true;
  }
}

function takesRequest(compilation: Compilation, value: AnyNode | null): boolean {
  if (compilation.hasParameters || value === null || !isFunction(value)) return false;
  const [first] = value.params;
  const parameter = first?.type === "AssignmentPattern" ? first.left : first;
  if (parameter?.type !== "Identifier") return false;
  if (parameter.name === "request" || parameter.name === "req") return true;
  const { code } = compilation.source;
  const end = compilation.locate(parameter.start) + parameter.name.length;
  return /^\s*\??\s*:\s*Request\b/.test(code.slice(end, end + 100));
}

function isFunction(node: AnyNode): node is FunctionNode & AnyNode {
  return node.type === "FunctionDeclaration" || node.type === "FunctionExpression" ||
    node.type === "ArrowFunctionExpression";
}

/** What the name holds, as far as the declaration shows it. */
function valueOf(declaration: Declaration): AnyNode | null {
  switch (declaration.kind) {
    case "function":
    case "class":
      return declaration.node as AnyNode;
    case "variable":
      return declaration.init as Expression & AnyNode | null;
    case "import":
      return null;
  }
}

function registersHandler(call: ModuleScope["globalCalls"][number]): boolean {
  switch (call.name) {
    case "Deno.serve":
    case "serve":
      return true;
    case "addEventListener": {
      const [event] = call.node.arguments;
      return event?.type === "Literal" && event.value === "fetch";
    }
    default:
      return false;
  }
}

function exportsHandler(
  { path, node }: { readonly path: readonly string[]; readonly node: AssignmentExpression },
): boolean {
  switch (path.join(".")) {
    case "exports.handler":
    case "module.exports.handler":
      return true;
    case "module.exports":
      return node.right.type !== "ObjectExpression" || hasKey(node.right, "handler");
    default:
      return false;
  }
}

/** Has the property, or a spread that may bring it. */
function hasKey(object: ObjectExpression, name: string): boolean {
  return object.properties.some((property) => {
    if (property.type === "SpreadElement" || property.computed) return true;
    const { key } = property;
    return key.type === "Identifier"
      ? key.name === name
      : key.type === "Literal" && key.value === name;
  });
}

function noHandler({ source, scope }: Compilation): OrlaError {
  const declared = [...scope.declarations.keys()];
  const near = names.flatMap((name) => {
    const found = closestName(name, declared);
    return found === undefined ? [] : [`Did you mean ${name} instead of ${found}?`];
  })[0];
  const functions = declared.filter((name) => scope.declarations.get(name)?.kind === "function");
  return new OrlaError("invalid_code", `the code of function ${source.name} has no handler`, {
    detail: "Looked for export default, Deno.serve(…), serve(…), addEventListener('fetch', …), " +
      "exports.handler, module.exports, and a top-level or exported main, handler or fetch.",
    hint: near ??
      (functions.length === 1
        ? `Rename ${functions[0]} to main, or export it as default.`
        : "Define function main(…) { … }."),
    position: 0,
  });
}
