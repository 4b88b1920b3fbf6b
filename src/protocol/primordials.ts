/**
 * The protocol's code also runs beside untrusted code that may replace `Map.prototype.get` or
 * `JSON`. What must keep working then is taken here, before that code is loaded.
 */

type Method<T, A extends unknown[], R> = (this: T, ...args: A) => R;

const { bind, call } = Function.prototype;

/** `uncurryThis(Array.prototype.push)(list, item)` is `list.push(item)` whatever happens to arrays. */
export const uncurryThis: <T, A extends unknown[], R>(
  method: Method<T, A, R>,
) => (self: T, ...args: A) => R = bind.bind(call) as never; // the bound form has no type of its own

const prototype = Uint8Array.prototype;
export const copyInto: (target: Uint8Array, source: Uint8Array, offset: number) => void =
  uncurryThis(prototype.set);
export const viewOf: (bytes: Uint8Array, from: number, to?: number) => Uint8Array = uncurryThis(
  prototype.subarray,
);
export const copyOf: (bytes: Uint8Array) => Uint8Array<ArrayBuffer> = uncurryThis(
  prototype.slice as (this: Uint8Array) => Uint8Array<ArrayBuffer>,
);
