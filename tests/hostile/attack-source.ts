/** The code of the function that makes an attack. */
import type { AttackCode, AttackLanguage } from "./attack.ts";

/** With `{"again": true}` every function only says so: to see whether it can still be called. */
export function sourceOf(language: AttackLanguage, { source, whole = false }: AttackCode): string {
  if (whole) return source;
  switch (language) {
    case "javascript":
      return javascript(source);
    case "python":
      return python(source);
    case "wasm":
      return source;
    default:
      return language satisfies never;
  }
}

function javascript(source: string): string {
  return `
    const builtin = (name) => import("node:" + name);
    const attempt = async (target) => { ${source}
    };
    export const main = async (target) => {
      if (target?.again) return "again";
      const text = String;
      try {
        return { got: (await attempt(target)) === true };
      } catch (error) {
        ${DEFER_FAILURES}
        return { got: false, why: text(error) };
      }
    };`;
}

/** What is meant to fail must do so for its caller. */
const DEFER_FAILURES = `if (target.fails) throw error;`;

function python(source: string): string {
  return `
def attempt(target):
${source.split("\n").map((line) => `    ${line}`).join("\n")}

def main(target):
    if target.get("again"):
        return "again"
    try:
        return {"got": attempt(target) is True}
    except BaseException as error:
        if target.get("fails"):
            raise
        return {"got": False, "why": repr(error)[:500]}
`;
}
