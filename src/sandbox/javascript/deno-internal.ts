/** What the pinned Deno keeps for its own tests and does not declare. A test holds us to it. */

interface DenoInternals {
  /** The class of `console`, with the place it prints to as its argument. */
  readonly Console: new (print: (text: string, level: number) => void) => Console;
}

const deno = Deno as unknown as { readonly internal: symbol } & Record<symbol, DenoInternals>;

export const internalKey = deno.internal;
export const internals = deno[internalKey] as DenoInternals; // there until harden() removes it
