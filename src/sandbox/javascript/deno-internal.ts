/** What the pinned Deno keeps for itself and does not declare. A test holds us to it. */

/** An opaque mapping of all variables at one moment. */
type AsyncContext = unknown;

interface DenoInternals {
  /** The class of `console`, with the place it prints to as its argument. */
  readonly Console: new (print: (text: string, level: number) => void) => Console;
  readonly core: {
    readonly AsyncVariable: new <T>() => {
      get(): T | undefined;
      /** Returns the context to restore. */
      enter(value: T): AsyncContext;
    };
    setAsyncContext(context: AsyncContext): void;
  };
}

const deno = Deno as unknown as { readonly internal: symbol } & Record<symbol, DenoInternals>;

export const internalKey = deno.internal;
export const internals = deno[internalKey] as DenoInternals; // there until harden() removes it
