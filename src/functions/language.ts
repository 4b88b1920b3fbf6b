/** The LANGUAGE of a function, by any of its names. */
import { closestName } from "../base/closest-name.ts";
import { OrlaError } from "../base/errors.ts";
import type { Language } from "./function.ts";

const names: ReadonlyMap<string, Language> = new Map([
  ["javascript", "javascript"],
  ["js", "javascript"],
  ["typescript", "typescript"],
  ["ts", "typescript"],
  ["python", "python"],
  ["py", "python"],
  ["wasm", "wasm"],
  ["webassembly", "wasm"],
]);

/** `position` is where the name stands. Throws `invalid_option`. */
export function parseLanguage(name: string, position?: number): Language {
  const word = name.toLowerCase();
  const language = names.get(word);
  if (language !== undefined) return language;
  const guess = closestName(word, names.keys());
  throw new OrlaError("invalid_option", `there is no language ${name}`, {
    ...(position === undefined ? {} : { position }),
    hint: guess === undefined
      ? "Use javascript, typescript, python or wasm."
      : `Did you mean ${guess}?`,
  });
}
