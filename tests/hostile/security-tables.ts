/** The attacks as docs/security.md lists them: by group, with the walls that stop each. */
import {
  type Attack,
  type AttackCode,
  type AttackLanguage,
  attackLanguages,
  walls,
} from "./attack.ts";
import { attackGroups } from "./attack-list.ts";

/** What marks a row that the walls of the kernel alone hold. */
const KERNEL_ONLY = "¹";

export const columns: Readonly<Record<AttackLanguage, string>> = {
  javascript: "JavaScript",
  wasm: "WebAssembly",
  python: "Python",
};

/** Rows of cells. */
export function rowsOf(attacks: readonly Attack[]): string[][] {
  return attacks.map(({ name, code }) => [
    name,
    ...attackLanguages.map((language) => cellOf(code[language])),
  ]);
}

function cellOf(code: AttackCode | undefined): string {
  if (code === undefined) return "";
  const names = code.walls.map((wall) => walls[wall].short).join(", ");
  const onlyKernel = (code.openIn ?? code.dependsIn ?? []).includes("bare");
  return onlyKernel ? names + KERNEL_ONLY : names;
}

/** For writing the document anew. */
export function securityTables(): string {
  const heading = ["attack", ...attackLanguages.map((language) => columns[language])];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return Object.entries(attackGroups).map(([group, attacks]) =>
    [`### ${group}`, "", line(heading), line(heading.map(() => "---"))]
      .concat(rowsOf(attacks).map(line)).join("\n")
  ).join("\n\n");
}

/** The walls themselves, for the legend. */
export function wallRows(): string[][] {
  return Object.values(walls).map(({ short, meaning }) => [short, meaning]);
}
