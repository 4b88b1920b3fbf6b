/** Entry of the compiler's thread: compiles what it is sent, one module at a time. */
import { parentPort } from "node:worker_threads";
import { toOrlaError } from "../base/errors.ts";
import { type CompileInput, compileModule } from "./compile.ts";
import type { CompilerAnswer } from "./compiler-thread.ts";

parentPort?.postMessage("ready");
parentPort?.on("message", (input: CompileInput) => {
  parentPort?.postMessage(answer(input));
});

function answer(input: CompileInput): CompilerAnswer {
  try {
    return { module: compileModule(input) };
  } catch (thrown) {
    const { code, message, hint, detail, position } = toOrlaError(thrown);
    return { error: { code, message, hint, detail, position } };
  }
}
