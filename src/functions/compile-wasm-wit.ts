/**
 * What a component imports and exports, read from its interface as WIT text. The tools print it in one
 * way: a line for each item, packages and interfaces in blocks.
 */

export interface WitFunction {
  /** The interface it belongs to, with its package and version; `null` for the world's own. */
  readonly interface: string | null;
  readonly name: string;
  readonly parameters: readonly string[];
}

export interface Wit {
  readonly imports: readonly string[];
  /** Interfaces. */
  readonly exports: readonly string[];
  /** Exported ones; those of WASI are left out. */
  readonly functions: readonly WitFunction[];
}

export function readWit(text: string): Wit {
  const imports: string[] = [];
  const exports: string[] = [];
  const functions: WitFunction[] = [];
  const ofInterfaces: WitFunction[] = [];
  let packageName = "";
  let version = "";
  let inInterface: string | null = null;
  let inWorld = false;
  /** Of braces, because resources and records have theirs as well. */
  let depth = 0;
  let leave = 0;
  for (const line of text.split("\n").map((each) => each.trim())) {
    const opened = line.endsWith("{");
    const block = /^(package|interface|world) ([^\s{;]+)/.exec(line);
    if (block !== null && block[1] === "package") {
      [packageName = "", version = ""] = (block[2] ?? "").split("@");
    } else if (block !== null && opened) {
      inWorld = block[1] === "world";
      inInterface = inWorld ? null : interfaceName(packageName, block[2] ?? "", version);
      leave = depth;
    } else if (inWorld && depth === leave + 1) {
      const item = /^(import|export) (%?[\w-]+): (?:async )?func\((.*?)\)(?: -> .*)?;$/.exec(line);
      const whole = /^(import|export) ([^\s;]+);$/.exec(line);
      if (item !== null && item[1] === "export") functions.push(read(null, item[2], item[3]));
      else if (item !== null) imports.push(item[2] ?? "");
      else if (whole !== null) (whole[1] === "import" ? imports : exports).push(whole[2] ?? "");
    } else if (inInterface !== null && depth === leave + 1) {
      const item = /^(%?[\w-]+): (?:async )?func\((.*?)\)(?: -> .*)?;$/.exec(line);
      if (item !== null) ofInterfaces.push(read(inInterface, item[1], item[2]));
    }
    if (opened) depth++;
    if (line === "}") {
      depth--;
      if (depth === leave) [inInterface, inWorld] = [null, false];
    }
  }
  const exported = ofInterfaces.filter((each) =>
    exports.some((name) => name === each.interface && !name.startsWith("wasi:"))
  );
  return { imports, exports, functions: [...functions, ...exported] };
}

function interfaceName(packageName: string, name: string, version: string): string {
  return `${packageName}/${name}${version === "" ? "" : `@${version}`}`;
}

function read(owner: string | null, name = "", parameters = ""): WitFunction {
  return { interface: owner, name: name.replace("%", ""), parameters: splitParameters(parameters) };
}

/** `name: string, pairs: list<tuple<string, u32>>` → the types. */
function splitParameters(text: string): string[] {
  const types: string[] = [];
  let depth = 0;
  let current = "";
  for (const character of text) {
    if (character === "<") depth++;
    else if (character === ">") depth--;
    if (character === "," && depth === 0) {
      types.push(current);
      current = "";
    } else current += character;
  }
  if (current.trim() !== "") types.push(current);
  return types.map((each) => each.slice(each.indexOf(":") + 1).trim());
}
