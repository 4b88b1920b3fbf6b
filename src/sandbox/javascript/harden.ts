/**
 * Takes away what a function must not have or what cannot work. Permissions are the wall; this
 * removes what needs none: storage shared between instances, prompts that would wait for ever,
 * threads that would abort the process under its memory limit.
 */
import { internalKey } from "./deno-internal.ts";

export function harden(): void {
  for (const name of ["localStorage", "sessionStorage", "caches", "alert", "confirm", "prompt"]) {
    remove(globalThis, name);
  }
  // Runtime internals: reaching them gains nothing the permissions forbid, but nobody needs them.
  remove(Deno, internalKey);
  remove(Deno, "internal");
  remove(Deno, "mainModule");
  remove(Navigator.prototype, "gpu");
  // Deno's own asynchronous operations go through it: whoever replaced it would hold the channel.
  Object.defineProperty(Function.prototype, "call", { writable: false, configurable: false });
  Object.defineProperty(globalThis, "Worker", {
    value: class Worker {
      constructor() {
        throw new Error(
          "Workers are not available in edge functions: each instance is one thread. Raise MAX_INSTANCES for parallel work.",
        );
      }
    },
    writable: true,
    configurable: true,
  });
}

/** A property that is already absent is no failure; one that stays is. */
function remove(target: object, name: PropertyKey): void {
  if (!Reflect.deleteProperty(target, name)) {
    throw new Error(`cannot remove ${String(name)} in this Deno`);
  }
}
