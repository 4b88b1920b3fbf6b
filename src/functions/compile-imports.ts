/**
 * What a function may import: Node's built-in modules that a sandbox can offer, and nothing else
 * yet. Each import is checked when the function is created, with its place in the code.
 */
import type { ImportDeclaration, Literal, Node, Program } from "acorn";
import { codeError, type Source } from "./compile-diagnostic.ts";
import type { ModuleScope } from "./compile-scope.ts";
import type { Locate } from "./compile-syntax.ts";

/** A replacement in the JavaScript. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Compilation {
  readonly code: string;
  readonly source: Source;
  readonly locate: Locate;
  readonly program: Program;
  readonly scope: ModuleScope;
  /** Imports used only as types are dropped, as TypeScript does. */
  readonly typescript: boolean;
}

const allowed = new Set(
  ("assert assert/strict async_hooks buffer console constants crypto diagnostics_channel dns " +
    "dns/promises events http https net os path path/posix path/win32 perf_hooks punycode " +
    "querystring stream stream/consumers stream/promises stream/web string_decoder sys timers " +
    "timers/promises tls tty url util util/types zlib").split(" "),
);

/** Built-in modules that reach out of the sandbox, or into its walls. */
const refused: ReadonlyMap<string, string> = new Map([
  ...reason("functions have no file system", "fs fs/promises"),
  ...reason("functions cannot start processes", "child_process cluster"),
  ...reason("functions cannot start threads", "worker_threads"),
  ...reason("use the global process, which has what functions may see", "process"),
  ...reason("functions cannot open a database file", "sqlite"),
  ...reason("functions cannot load native code", "ffi module wasi"),
  ...reason(
    "it is not available to functions",
    "vm repl inspector inspector/promises v8 trace_events dgram http2 readline readline/promises " +
      "sea test test/reporters domain",
  ),
]);

function reason(why: string, modules: string): Array<[string, string]> {
  return modules.split(" ").map((module) => [module, why]);
}

/** The module that Supabase functions take `serve` from; ours is a global of that name. */
const denoHttpServer = /^https:\/\/deno\.land\/std(?:@[\w.-]+)?\/http\/server\.ts$/;

export interface ImportChanges {
  readonly edits: readonly Edit[];
  /** The module imported `serve` of Deno's standard library, and uses it. */
  readonly importsServe: boolean;
}

/** Throws `not_supported` or `invalid_code` at the first import that cannot be. */
export function checkImports(compilation: Compilation): ImportChanges {
  const edits: Edit[] = [];
  let importsServe = false;
  for (const item of compilation.program.body) {
    switch (item.type) {
      case "ImportDeclaration":
        edits.push(...checkDeclaration(compilation, item));
        importsServe ||= usesServe(compilation, item);
        break;
      case "ExportAllDeclaration":
      case "ExportNamedDeclaration":
        if (item.source) edits.push(...checkSource(compilation, item.source, item.attributes));
    }
  }
  for (const { source, options } of compilation.scope.importCalls) {
    const specifier = stringOf(source);
    // What is computed is for the sandbox to refuse.
    if (specifier !== null) {
      edits.push(...checkSource(compilation, source, options ? [options] : []));
    }
  }
  for (const { name, node } of compilation.scope.globalCalls) {
    const [first] = node.arguments;
    if (name === "require" && first !== undefined && stringOf(first) !== null) {
      checkSource(compilation, first, []);
    }
  }
  return { edits, importsServe };
}

function usesServe({ scope }: Compilation, { source, specifiers }: ImportDeclaration): boolean {
  return denoHttpServer.test(String(source.value)) &&
    specifiers.some(({ local }) => scope.used.has(local.name));
}

/** The code after the edits; they never overlap. */
export function applyEdits(code: string, edits: readonly Edit[]): string {
  let result = "";
  let from = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    result += code.slice(from, edit.start) + edit.text;
    from = edit.end;
  }
  return result + code.slice(from);
}

function checkDeclaration(compilation: Compilation, node: ImportDeclaration): Edit[] {
  const { code, scope, typescript } = compilation;
  const { specifiers, source } = node;
  const specifier = String(source.value);
  const statement = code.slice(node.start, node.end);

  const onlyTypes = specifiers.length === 0
    ? code.slice(node.start, source.start).includes("{") || specifier.endsWith(".d.ts")
    : specifiers.every(({ local }) => !scope.used.has(local.name));
  if (onlyTypes && (typescript || specifier.endsWith(".d.ts"))) return [blank(node, statement)];

  if (denoHttpServer.test(specifier)) {
    const names = specifiers.map((entry) =>
      entry.type === "ImportSpecifier" && entry.imported.type === "Identifier" &&
        entry.imported.name === "serve"
        ? entry.local.name
        : null
    );
    const [local] = names;
    if (names.length === 1 && typeof local === "string") {
      return [blank(node, statement, local === "serve" ? "" : `const ${local}=serve;`)];
    }
    throw refuse(compilation, source, "not_supported", `only "serve" of ${specifier} is available`);
  }
  return checkSource(compilation, source, node.attributes);
}

/** `{ type: "json" }` and the like change what is loaded: nothing that may be imported needs it. */
function checkSource(
  compilation: Compilation,
  node: Node,
  attributes: readonly Node[],
): Edit[] {
  const specifier = stringOf(node) ?? "";
  const [attribute] = attributes;
  if (attribute !== undefined) {
    throw refuse(compilation, attribute, "not_supported", "import attributes are not supported");
  }
  const builtin = specifier.replace(/^node:/, "");
  const why = refused.get(builtin);
  if (why !== undefined) {
    throw refuse(compilation, node, "not_supported", `"${specifier}" is not available: ${why}`);
  }
  if (allowed.has(builtin)) {
    // Deno finds built-in modules only by their full names.
    return specifier === builtin
      ? [{ start: node.start + 1, end: node.start + 1, text: "node:" }]
      : [];
  }
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(specifier)?.[1]?.toLowerCase();
  switch (scheme) {
    case "node":
      throw refuse(compilation, node, "invalid_code", `there is no module "${specifier}"`);
    case "npm":
    case "jsr":
    case "http":
    case "https":
      throw refuse(
        compilation,
        node,
        "not_supported",
        `imports from ${scheme}: are not supported yet ("${specifier}")`,
      );
    case undefined:
      break;
    default:
      throw refuse(compilation, node, "invalid_code", `${scheme}: modules cannot be imported`);
  }
  throw refuse(
    compilation,
    node,
    "not_supported",
    /^\.{0,2}\//.test(specifier)
      ? `imports of other files are not supported yet ("${specifier}")`
      : `imports of packages are not supported yet ("${specifier}")`,
  );
}

function refuse(
  { source, locate }: Compilation,
  node: Node,
  code: "not_supported" | "invalid_code",
  message: string,
) {
  return codeError(source, { code, title: "Import", message, offset: locate(node.start) });
}

/** A literal, or a template without expressions. */
function stringOf(node: Node): string | null {
  if (node.type === "Literal") {
    const { value } = node as Literal;
    return typeof value === "string" ? value : null;
  }
  if (node.type !== "TemplateLiteral") return null;
  const { quasis, expressions } = node as import("acorn").TemplateLiteral;
  return expressions.length === 0 ? quasis[0]?.value.cooked ?? null : null;
}

/**
 * The statement as spaces, line breaks kept, so that nothing after it moves; `text` goes on its first
 * line.
 */
function blank(node: Node, statement: string, text = ""): Edit {
  const spaces = statement.replace(/[^\r\n\u2028\u2029]/g, " ");
  const firstLine = /^ */.exec(spaces)?.[0].length ?? 0;
  const from = Math.min(text.length, firstLine);
  return { start: node.start, end: node.end, text: text + spaces.slice(from) };
}
