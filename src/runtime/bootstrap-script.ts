/**
 * Makes one script of the sandbox's modules. An instance evaluates it as text: Deno parses modules
 * with a second parser and keeps what that needed, 3 MB of private memory in every process, and would
 * strip the types anew each time. Linked as text, a blank instance takes 10.5 MB instead of 16.4.
 *
 * The linker knows just the forms our own modules use: named imports from relative files, exported
 * declarations, no circles.
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
  readonly specifiers?: readonly { readonly imported: Named; readonly local: Named }[];
  readonly declaration?: Declaration;
};

interface LinkedModule {
  readonly variable: string;
  readonly code: string;
}

/** `entry` is the URL of the module to run; the script's value is a promise of its end. */
export function linkScript(entry: URL): string {
  const modules = new Map<string, LinkedModule>();
  const last = link(entry, modules);
  const parts = [...modules.values()].filter((module) => module !== last);
  const body = parts.map(({ variable, code }) => `const ${variable} = (() => {${code}})();`);
  return `(async () => {"use strict";${body.join("\n")}\n${last.code}})()\n` +
    "//# sourceURL=ext:orla/bootstrap.js\n";
}

function link(url: URL, modules: Map<string, LinkedModule>): LinkedModule {
  const known = modules.get(url.href);
  if (known !== undefined) return known;
  const { code } = transformSync(Deno.readTextFileSync(url), { mode: "strip-only" });
  const tree = parse(code, { ecmaVersion: "latest", sourceType: "module" });
  let linked = "";
  let offset = 0;
  const exported: string[] = [];
  for (const statement of tree.body as unknown as Statement[]) {
    const { type, start, end, source, specifiers = [], declaration } = statement;
    if (type === "ImportDeclaration" && source !== undefined) {
      const { variable } = link(new URL(source.value, url), modules);
      const names = specifiers.map(({ imported, local }) => `${imported.name}: ${local.name}`);
      linked += `${code.slice(offset, start)}const { ${names.join()} } = ${variable};`;
      offset = end;
    } else if (type === "ExportNamedDeclaration" && declaration) {
      linked += code.slice(offset, start);
      offset = declaration.start;
      exported.push(...namesOf(declaration));
    } else if (type.startsWith("Export")) {
      throw new Error(`${url}: only exported declarations can be linked`);
    }
  }
  linked += `${code.slice(offset)}\n`;
  if (exported.length > 0) linked += `return { ${exported.join()} };`;
  const module = { variable: `$${modules.size}`, code: linked };
  modules.set(url.href, module);
  return module;
}

function namesOf({ id, declarations }: Declaration): string[] {
  return declarations?.map((declaration) => declaration.id.name) ?? (id ? [id.name] : []);
}

const REHEARSAL = new URL("../sandbox/javascript/rehearsal/", import.meta.url);
const ENTRY = new URL("../sandbox/javascript/bootstrap.ts", import.meta.url);

/**
 * Writes the bootstrap into a directory that every user may read, whatever the umask: instances may
 * have users of their own. Returns the path of its main module, which has nothing
 * but an import of the script as text: a main module's own imports need no permission.
 */
export async function writeBootstrap(directory: string): Promise<string> {
  const script = `${directory}/bootstrap.txt`;
  const main = `${directory}/main.js`;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(script, linkScript(ENTRY));
  await Deno.writeTextFile(
    main,
    'import script from "./bootstrap.txt" with { type: "text" };\nawait (0, eval)(script);\n',
  );
  for (const path of [script, main]) await Deno.chmod(path, 0o644);
  const rehearsal = `${directory}/rehearsal`;
  await Deno.mkdir(rehearsal);
  for await (const { name } of Deno.readDir(REHEARSAL)) {
    await Deno.copyFile(new URL(name, REHEARSAL), `${rehearsal}/${name}`);
    await Deno.chmod(`${rehearsal}/${name}`, 0o644);
  }
  for (const path of [rehearsal, directory]) await Deno.chmod(path, 0o755);
  return main;
}
