/** The graph of the platform's own modules, and the rules it must keep. */

export interface ModuleImport {
  readonly from: string;
  readonly to: string;
  /** `import type`: erased, so that nothing is loaded. */
  readonly typeOnly: boolean;
}

/** Folder of `src/`, or `sdk`, → folders it may import from, beside itself. `docs/architecture.md` says why. */
export type ImportRules = Readonly<Record<string, readonly string[]>>;

export const importRules: ImportRules = {
  sdk: [],
  base: [],
  sql: ["base"],
  pgwire: ["base"],
  protocol: ["base"],
  functions: ["base", "protocol"],
  catalog: ["base", "functions"],
  sandbox: ["protocol"],
  runtime: ["base", "protocol", "functions"],
  gateway: ["base", "functions"],
  sqlgateway: ["base", "sql", "pgwire", "catalog", "functions", "triggers"],
  egress: ["base", "functions"],
  triggers: ["base", "catalog", "functions"],
  hostcalls: ["base", "catalog", "functions"],
  storage: ["base", "catalog"],
  observability: ["base", "catalog", "functions"],
  api: ["base", "functions", "gateway", "catalog", "observability", "storage"],
  server: [
    ...[
      "base",
      "functions",
      "catalog",
      "runtime",
      "gateway",
      "sqlgateway",
      "observability",
      "api",
      "egress",
      "hostcalls",
      "storage",
      "triggers",
    ],
  ],
  // `orla start` loads the server; `orla sql` needs to know where a statement ends.
  cli: ["base", "sql", "server", "sdk"],
};

/** Paths are relative to `src/`, such as `sql/parse.ts`, or to the root, `sdk/src/client.ts`. */
export function forbiddenImports(
  imports: readonly ModuleImport[],
  rules: ImportRules,
): string[] {
  return imports.flatMap(({ from, to }) => {
    const [source = "", target = ""] = [folderOf(from), folderOf(to)];
    if (source === target) return [];
    const allowed = rules[source];
    if (allowed === undefined) return [`${from}: folder ${source} has no rule`];
    return allowed.includes(target) ? [] : [`${from} imports ${to}`];
  });
}

/** Circles among the imports that load something, each as `a → b → a`. */
export function importCircles(imports: readonly ModuleImport[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) {
    if (!typeOnly) next.set(from, [...next.get(from) ?? [], to]);
  }
  const circles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (module: string) => {
    const start = path.indexOf(module);
    if (start !== -1) circles.push([...path.slice(start), module].join(" → "));
    if (start !== -1 || done.has(module)) return;
    path.push(module);
    for (const target of next.get(module) ?? []) visit(target);
    path.pop();
    done.add(module);
  };
  for (const module of next.keys()) visit(module);
  return circles;
}

interface InfoModule {
  readonly specifier: string;
  readonly error?: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** Asks `deno info` about every module of `src/` and `sdk/src/` below the root that is not a test. */
export async function readImports(root: URL): Promise<ModuleImport[]> {
  const [platform, sdk] = [new URL("src/", root), new URL("sdk/src/", root)];
  const modules = [...await modulesBelow(platform), ...await modulesBelow(sdk)];
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(entry, modules.map((url) => `import "${url}";\n`).join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", new URL("deno.json", root).pathname, entry],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const info: { modules: InfoModule[] } = JSON.parse(new TextDecoder().decode(stdout));
    const broken = info.modules.filter((module) => module.error !== undefined);
    if (broken.length > 0) throw new Error(broken.map((module) => module.error).join("\n"));
    const isOurs = (specifier: string) =>
      specifier.startsWith(platform.href) || specifier.startsWith(sdk.href);
    const short = (specifier: string) =>
      specifier.slice((specifier.startsWith(sdk.href) ? root : platform).href.length);
    return info.modules.filter(({ specifier }) => isOurs(specifier)).flatMap((module) =>
      (module.dependencies ?? []).flatMap(({ code, type }) => {
        const target = code?.specifier ?? type?.specifier;
        if (target === undefined || !isOurs(target)) return [];
        return [{
          from: short(module.specifier),
          to: short(target),
          typeOnly: code?.specifier === undefined,
        }];
      })
    );
  } finally {
    await Deno.remove(entry);
  }
}

/** Tests and what only they use may reach further. */
const NOT_PLATFORM = /(\.test|\.bench|\.arbitrary)\.ts$|^test-|\/test-|\/testing\//;

async function modulesBelow(folder: URL): Promise<URL[]> {
  const found: URL[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (NOT_PLATFORM.test(url.pathname)) continue;
    if (isDirectory) found.push(...await modulesBelow(url));
    else if (name.endsWith(".ts")) found.push(url);
  }
  return found;
}

function folderOf(path: string): string {
  return path.split("/")[0] ?? "";
}
