/** Results that are traps for whoever reads them. */
import type { ErrorCode } from "../../../src/base/errors.ts";
import { type Attack, type AttackCode, fails, harmless } from "../attack.ts";

const OWN: readonly ErrorCode[] = ["function_error"];

/** `expression` is the result. */
const returns = (expression: string, codes: readonly ErrorCode[] = OWN): AttackCode =>
  fails(
    codes,
    ["bootstrap", "supervisor"],
    `
    export const main = (target) => target.again ? "again" : (${expression});`,
    { whole: true },
  );

const throws = (expression: string, codes = OWN): AttackCode =>
  fails(codes, ["bootstrap", "supervisor"], `throw (${expression});`);

const python = (expression: string, codes: readonly ErrorCode[] = OWN): AttackCode =>
  fails(
    codes,
    ["supervisor"],
    `
def result():
    ${expression.replaceAll("\n", "\n    ")}
def main(target):
    return "again" if target.get("again") else result()`,
    { whole: true },
  );

export const resultAttacks: readonly Attack[] = [
  {
    name: "return a circle",
    code: {
      javascript: returns(`(() => { const o = {}; o.o = o; return o; })()`),
      python: python(`o = []\no.append(o)\nreturn o`),
    },
  },
  {
    name: "return getters that throw",
    code: { javascript: returns(`({ get a() { throw new Error("trap"); } })`) },
  },
  {
    name: "return a toJSON that throws",
    code: { javascript: returns(`({ toJSON() { throw new Error("trap"); } })`) },
  },
  {
    name: "return a proxy with a trap for everything",
    code: {
      javascript: returns(
        `new Proxy({}, new Proxy({}, { get: () => () => { throw new Error("trap"); } }))`,
      ),
    },
  },
  {
    name: "return a revoked proxy",
    code: {
      javascript: returns(
        `(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy; })()`,
      ),
    },
  },
  {
    name: "return a promise-like that calls back twice",
    code: {
      javascript: harmless(
        ["bootstrap"],
        `export const main = (target) => target.again ? "again"
        : { then(done, fail) { done(1); fail(new Error("late")); done(2); throw new Error("later"); } };`,
        {
          whole: true,
        },
      ),
    },
  },
  {
    name: "return an array of four thousand million elements",
    code: {
      javascript: returns(`new Array(2 ** 32 - 1)`, [
        ...["function_error", "memory_limit_exceeded", "response_too_large", "timeout"] as const,
      ]),
    },
  },
  {
    name: "return more than anybody can take",
    code: {
      javascript: returns(`"x".repeat(2 ** 29 - 100)`, [
        ...["function_error", "memory_limit_exceeded", "response_too_large"] as const,
      ]),
      python: python(`return "x" * (2 ** 27)`, [
        ...["function_error", "memory_limit_exceeded", "response_too_large"] as const,
      ]),
    },
  },
  {
    name: "return an object that is a response only in name",
    code: {
      javascript: harmless(
        ["bootstrap"],
        `
        class Lying extends Response {
          get status() { return 99; }
          get headers() { return { forEach(each) { each("b\\r\\nc: d", "a"); } }; }
          get body() { return "no stream"; }
        }
        export const main = (target) => target.again ? "again" : new Lying("body");`,
        { whole: true },
      ),
    },
  },
  {
    name: "throw what has no properties to read",
    code: {
      javascript: throws(
        `Object.create(null, { message: { get() { throw 1; } }, stack: { get() { throw 2; } } })`,
      ),
      python: fails(
        OWN,
        ["supervisor"],
        `class Trap(Exception):
    def __str__(self):
        raise Trap()
    __repr__ = __str__
raise Trap()`,
      ),
    },
  },
  {
    name: "throw a message without end",
    code: {
      javascript: throws(`new Error("x".repeat(1 << 26))`, [
        "function_error",
        "memory_limit_exceeded",
      ]),
      python: fails(OWN, ["supervisor"], `raise ValueError("x" * (1 << 25))`),
    },
  },
  {
    name: "throw nothing",
    code: { javascript: throws(`undefined`) },
  },
  {
    name: "throw an error that claims to be the platform's",
    code: {
      javascript: throws(`Object.assign(new Error("forged"), {
        name: "OrlaError", code: "unauthorized", status: 401, hint: "forged", sqlState: "28000",
      })`),
      python: fails(
        OWN,
        ["supervisor"],
        `error = ValueError("forged")
error.code = "unauthorized"
error.status = 401
raise error`,
      ),
    },
  },
  {
    name: "raise exceptions nobody awaits, without end",
    code: {
      javascript: harmless(
        ["supervisor"],
        `
        for (let n = 0; n < 1000; n++) Promise.reject(new Error("nobody awaits " + n));
        for (let n = 0; n < 100; n++) setTimeout(() => { throw new Error("escaped " + n); }, 0);
        await new Promise((resolve) => setTimeout(resolve, 20));
        return false;`,
        { ruinsItself: true },
      ),
    },
  },
];
