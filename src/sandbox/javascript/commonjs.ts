/** `module`, `exports` and `require` for code written as a CommonJS module. */

interface CommonJsModule {
  exports: unknown;
}

/** Returns what the code exported once it has run. */
export function installCommonJs(): () => unknown {
  const module: CommonJsModule = { exports: {} };
  const define = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  define("module", module);
  define("exports", module.exports);
  define("require", requireBuiltin);
  return () => module.exports;
}

const { startsWith } = String.prototype;
const { apply } = Reflect;

function requireBuiltin(specifier: unknown): unknown {
  const name = String(specifier);
  const builtin = globalThis.process.getBuiltinModule(name);
  if (builtin !== undefined) return builtin;
  const kind = apply(startsWith, name, ["."]) ? "a file" : "a package";
  throw new Error(
    `Cannot require "${name}": ${kind} cannot be loaded here; only Node's built-in modules can`,
  );
}
