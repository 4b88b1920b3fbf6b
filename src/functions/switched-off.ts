/** The option ENABLED: a function that is switched off answers nobody, whatever way the call came. */
import { OrlaError } from "../base/errors.ts";
import type { FunctionVersion } from "./function.ts";

/** Throws `function_disabled`. */
export function requireEnabled({ options, namespace, name }: FunctionVersion): void {
  if (options.enabled) return;
  const inSql = namespace === "default" ? name : `${namespace}.${name}`;
  throw new OrlaError("function_disabled", `Function "${name}" is switched off.`, {
    hint: `ALTER EDGE FUNCTION ${inSql} SET ENABLED = true switches it on.`,
  });
}
