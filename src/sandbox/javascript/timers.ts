/**
 * Timers that remember, when their callback throws, whose it was: by the time the runtime reports an
 * uncaught exception the call it belongs to is forgotten. Other callbacks are reported in time.
 */
import { currentCallId } from "./call-scope.ts";

type Callback = (...args: unknown[]) => unknown;
type Schedule = (callback: unknown, ...rest: unknown[]) => unknown;

const { apply } = Reflect;
const { defineProperties, getOwnPropertyDescriptors } = Object;

let thrown: { readonly error: unknown; readonly callId: number } | undefined;

/** The call that an uncaught exception escaped from, 0 when that cannot be told. */
export function callThatThrew(error: unknown): number {
  const callId = thrown !== undefined && thrown.error === error ? thrown.callId : currentCallId();
  thrown = undefined;
  return callId;
}

export function installTimers(): void {
  const scope = globalThis as unknown as Record<string, Schedule>;
  for (const name of ["setTimeout", "setInterval", "setImmediate"]) {
    const schedule = scope[name] as Schedule; // every Deno has these
    const remembering = (callback: unknown, ...rest: unknown[]) => {
      const guarded = typeof callback === "function" ? guard(callback as Callback) : callback;
      return apply(schedule, globalThis, [guarded, ...rest]);
    };
    // Node's promisify finds its own form of a timer in a property of the function.
    defineProperties(remembering, getOwnPropertyDescriptors(schedule));
    scope[name] = remembering;
  }
}

function guard(callback: Callback): Callback {
  return function (this: unknown, ...args) {
    try {
      return apply(callback, this, args);
    } catch (error) {
      thrown = { error, callId: currentCallId() };
      throw error;
    }
  };
}
