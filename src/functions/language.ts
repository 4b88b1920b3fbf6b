/** The LANGUAGE of a function, by any of its names. */
import { closestName } from "../base/closest-name.ts";
import { OrlaError } from "../base/errors.ts";
import type { Language } from "./function.ts";

const names: ReadonlyMap<string, Language> = new Map([
  ["javascript", "javascript"],
  ["js", "javascript"],
  ["typescript", "typescript"],
  ["ts", "typescript"],
]);

/** Known, but not run by this release. */
const later: ReadonlySet<string> = new Set(["python", "wasm", "webassembly"]);

/** `position` is where the name stands. Throws `not_supported` or `invalid_option`. */
export function parseLanguage(name: string, position?: number): Language {
  const word = name.toLowerCase();
  const language = names.get(word);
  if (language !== undefined) return language;
  const place = position === undefined ? {} : { position };
  if (later.has(word)) {
    throw new OrlaError("not_supported", `LANGUAGE ${word} is not supported yet`, place);
  }
  const guess = closestName(word, [...names.keys(), ...later]);
  throw new OrlaError("invalid_option", `there is no language ${name}`, {
    ...place,
    hint: guess === undefined ? "Use javascript or typescript." : `Did you mean ${guess}?`,
  });
}
