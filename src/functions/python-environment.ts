/** The Python environments of a node: an interpreter each, with the packages installed for it. */
import { closestName } from "../base/closest-name.ts";
import { OrlaError } from "../base/errors.ts";

export interface PythonEnvironment {
  /** `default` for the one that functions without PYTHON_ENV run in. */
  readonly name: string;
  /** Path of its interpreter. */
  readonly interpreter: string;
  /** Modules imported before any function needs them; one that ends in `?` need not be there. */
  readonly preload: readonly string[];
}

export const defaultEnvironment = "default";

/** Throws `invalid_option` for a name this node does not know, `not_supported` without any Python. */
export function findPythonEnvironment(
  environments: readonly PythonEnvironment[],
  wanted: string | null,
): PythonEnvironment {
  const name = wanted ?? defaultEnvironment;
  const found = environments.find((environment) => environment.name === name);
  if (found !== undefined) return found;
  if (wanted === null) {
    throw new OrlaError("not_supported", "this node has no Python", {
      hint:
        "Install python3, 3.9 or newer, or start the node with ORLA_PYTHON set to an interpreter.",
    });
  }
  const names = environments.map((environment) => environment.name);
  const guess = closestName(wanted, names);
  throw new OrlaError("invalid_option", `this node has no Python environment ${wanted}`, {
    hint: guess !== undefined
      ? `Did you mean ${guess}?`
      : `ORLA_PYTHON_ENVS configures environments. This node has: ${names.join(", ") || "none"}.`,
  });
}
