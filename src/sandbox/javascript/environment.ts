/**
 * `Deno.env` and `process.env` hold the function's own variables and nothing else.
 *
 * The real environment is empty but for DENO_DIR, and stays out of reach: with it a function could
 * set HTTP_PROXY and have Deno's own HTTP client connect where it may not.
 */
const variables: Record<string, string> = Object.create(null);
const { keys } = Object;
const { deleteProperty } = Reflect;
const toText = String;

const denoEnv = {
  get: (name: string): string | undefined => variables[toText(name)],
  has: (name: string): boolean => toText(name) in variables,
  set: (name: string, value: string): void => void (variables[toText(name)] = toText(value)),
  delete: (name: string): void => void deleteProperty(variables, toText(name)),
  toObject: (): Record<string, string> => {
    const copy: Record<string, string> = {};
    const names = keys(variables);
    for (let i = 0; i < names.length; i++) {
      copy[names[i] as string] = variables[names[i] as string]!; // both in range
    }
    return copy;
  },
};

/** Node turns whatever is assigned into text. */
const processEnv = new Proxy(variables, {
  set: (target, name, value) => {
    if (typeof name === "string") target[name] = toText(value);
    return true;
  },
});

/** Before the function's code runs. */
export function setVariables(env: Readonly<Record<string, string>>): void {
  const names = keys(env);
  for (let i = 0; i < names.length; i++) {
    variables[names[i] as string] = env[names[i] as string]!; // both in range
  }
}

export function installDenoEnv(): void {
  Object.defineProperty(Deno, "env", { value: denoEnv, configurable: true, enumerable: true });
}

/**
 * Node's `process` costs 1.7 MB, so it is only made when the code asks for it, and made safe then.
 * Returns a way to do so ahead of an `import process from "node:process"`.
 */
export function installProcess(): () => void {
  const original = Object.getOwnPropertyDescriptor(globalThis, "process")?.get;
  if (original === undefined) throw new Error("globalThis.process is not lazy in this Deno");
  const { defineProperty } = Object;
  const { apply } = Reflect;
  const { exit } = Deno;
  const load = () => {
    const process = apply(original, globalThis, []);
    defineProperty(process, "env", { value: processEnv, configurable: true, enumerable: true });
    // As a shell would see it. A real abort is how running out of memory looks from outside.
    defineProperty(process, "abort", { value: () => exit(134), configurable: true });
    defineProperty(globalThis, "process", { value: process, writable: true, configurable: true });
    return process;
  };
  defineProperty(globalThis, "process", {
    get: load,
    set: (value) => defineProperty(globalThis, "process", { value, writable: true }),
    configurable: true,
    enumerable: true,
  });
  return () => void globalThis.process;
}

/** `env` as Cloudflare-style handlers receive it. */
export function ownVariables(): Record<string, string> {
  return denoEnv.toObject();
}
