/** Entry of the compiler's thread: compiles what it is sent, one module at a time. */
import { parentPort } from "node:worker_threads";
import { toOrlaError } from "../base/errors.ts";
import { compileFunction, type CompilerInput } from "./compile-function.ts";
import type { CompilerAnswer } from "./compiler-thread.ts";

parentPort?.postMessage("ready");
parentPort?.on("message", async (input: CompilerInput) => {
  parentPort?.postMessage(await answer(input));
});

async function answer(input: CompilerInput): Promise<CompilerAnswer> {
  try {
    return { module: await compileFunction(input) };
  } catch (thrown) {
    const { code, message, hint, detail, position } = toOrlaError(thrown);
    return { error: { code, message, hint, detail, position } };
  }
}
