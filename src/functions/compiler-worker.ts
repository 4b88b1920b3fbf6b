/** Entry of the compiler's thread: compiles what it is sent, one module at a time. */
import { parentPort } from "node:worker_threads";
import { toOrlaError } from "../base/errors.ts";
import type { CompileInput } from "./compile.ts";
import { compileFunction } from "./compile-function.ts";
import type { CompilerAnswer } from "./compiler-thread.ts";

parentPort?.postMessage("ready");
parentPort?.on("message", async (input: CompileInput) => {
  parentPort?.postMessage(await answer(input));
});

async function answer(input: CompileInput): Promise<CompilerAnswer> {
  try {
    return { module: await compileFunction(input) };
  } catch (thrown) {
    const { code, message, hint, detail, position } = toOrlaError(thrown);
    return { error: { code, message, hint, detail, position } };
  }
}
