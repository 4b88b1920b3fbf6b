/**
 * Makes one text of several modules. The linker knows just the forms that our own modules use, and the
 * few libraries that go into the sandbox: named imports from relative files, exported declarations,
 * names passed on from another file, no circles.
 */
import { parse } from "acorn";
import { transformSync } from "amaro";

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Named {
  readonly name: string;
}

type Declaration = Span & {
  readonly id?: Named;
  readonly declarations?: readonly { readonly id: Named }[];
};

type Statement = Span & {
  readonly type: string;
  readonly source?: { readonly value: string };
  readonly specifiers?: readonly {
    readonly local: Named;
    /** Of an import. */
    readonly imported: Named;
    /** Of an export. */
    readonly exported: Named;
  }[];
  readonly declaration?: Declaration;
};

interface LinkedModule {
  readonly variable: string;
  readonly code: string;
  readonly exported: readonly string[];
}

/** `entry` is the URL of the module to run; the script's value is a promise of its end. */
export function linkScript(entry: URL): string {
  const modules = new Map<string, LinkedModule>();
  const last = link(entry, [], modules);
  return `(async () => {"use strict";${joined(modules, last)}\n${last.code}})()\n` +
    "//# sourceURL=ext:orla/bootstrap.js\n";
}

/** Statements of a module, after which the names that `entry` exports can be used. */
export function linkExports(entry: URL): string {
  const modules = new Map<string, LinkedModule>();
  const last = link(entry, [], modules);
  return `${
    joined(modules, last)
  }\nconst { ${last.exported.join()} } = (() => {${last.code}})();\n`;
}

function joined(modules: ReadonlyMap<string, LinkedModule>, last: LinkedModule): string {
  const parts = [...modules.values()].filter((module) => module !== last);
  return parts.map(({ variable, code }) => `const ${variable} = (() => {${code}})();`).join("\n");
}

/**
 * Names that a file passes on from another are linked where they are wanted: in libraries such files
 * import each other in circles.
 */
function link(
  url: URL,
  wanted: readonly string[],
  modules: Map<string, LinkedModule>,
): LinkedModule {
  const known = modules.get(url.href);
  if (known !== undefined) return checked(url, known, wanted);
  const text = Deno.readTextFileSync(url);
  const isTypeScript = url.pathname.endsWith(".ts");
  const code = isTypeScript ? transformSync(text, { mode: "strip-only" }).code : text;
  const comments: Span[] = [];
  const tree = parse(code, {
    ecmaVersion: "latest",
    sourceType: "module",
    onComment: (_isBlock, _text, start, end) => comments.push({ start, end }),
  });
  let linked = "";
  let offset = 0;
  /** What the module's function returns: `name`, or `name: $1.name` for what is passed on. */
  const returned = new Map<string, string>();
  for (const statement of tree.body as unknown as Statement[]) {
    const { type, start, end, source, specifiers = [], declaration } = statement;
    if (!type.startsWith("Import") && !type.startsWith("Export")) continue;
    linked += without(comments, code, offset, start);
    offset = end;
    if (type === "ImportDeclaration" && source !== undefined) {
      const imported = specifiers.map((each) => each.imported.name);
      const { variable } = link(resolve(source.value, url), imported, modules);
      const names = specifiers.map(({ imported, local }) => `${imported.name}: ${local.name}`);
      linked += `const { ${names.join()} } = ${variable};`;
    } else if (type === "ExportNamedDeclaration" && declaration) {
      offset = declaration.start;
      for (const name of namesOf(declaration)) returned.set(name, name);
    } else if (type === "ExportNamedDeclaration" && source !== undefined) {
      for (const { local, exported } of specifiers) {
        if (!wanted.includes(exported.name)) continue;
        const { variable } = link(resolve(source.value, url), [local.name], modules);
        returned.set(exported.name, `${exported.name}: ${variable}.${local.name}`);
      }
    } else throw new Error(`${url}: ${type} cannot be linked`);
  }
  linked += `${without(comments, code, offset, code.length)}\n`;
  if (returned.size > 0) linked += `return { ${[...returned.values()].join()} };`;
  const module = { variable: `$${modules.size}`, code: linked, exported: [...returned.keys()] };
  modules.set(url.href, module);
  return checked(url, module, wanted);
}

/** The text between two places, without the comments in it: every process would read and keep them. */
function without(comments: readonly Span[], code: string, start: number, end: number): string {
  let kept = "";
  let from = start;
  for (const comment of comments) {
    if (comment.start < from || comment.end > end) continue;
    kept += code.slice(from, comment.start);
    from = comment.end;
  }
  // What types were is spaces.
  return (kept + code.slice(from, end)).replace(/[ \t]+$/gm, "").replace(/\n{2,}/g, "\n");
}

function checked(url: URL, module: LinkedModule, wanted: readonly string[]): LinkedModule {
  const missing = wanted.find((name) => !module.exported.includes(name));
  if (missing !== undefined) throw new Error(`${url} exports no ${missing}, or passes it on`);
  return module;
}

/** Packages in the form they have for browsers: a sandbox has the Web's APIs and no Node. */
function resolve(specifier: string, from: URL): URL {
  if (specifier.startsWith(".")) return new URL(specifier, from);
  return new URL(import.meta.resolve(specifier).replace("/dist/nodejs/", "/dist/browser/"));
}

function namesOf({ id, declarations }: Declaration): string[] {
  return declarations?.map((declaration) => declaration.id.name) ?? (id ? [id.name] : []);
}
