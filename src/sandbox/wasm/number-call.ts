/** Calls a function of numbers. */
import type { WasmArgument, WasmCallPlan } from "../../protocol/wasm-plan.ts";
import { InvalidInput } from "./invalid-input.ts";
import { fromWasm, toWasm } from "./numbers.ts";
import { functionOf, type WasmProgram } from "./program.ts";

export type Handler = (...values: unknown[]) => unknown;

export type Call = (values: unknown[]) => unknown;

/** A call that fails leaves an instance behind that nobody should use again. */
export function handlerOf(plan: WasmCallPlan, program: WasmProgram, call: Call): Handler {
  return (...values) => {
    if (plan.arguments.some((argument, index) => cannotBeNull(argument, values[index]))) {
      return null;
    }
    try {
      return call(values);
    } catch (error) {
      if (!(error instanceof InvalidInput)) program.discard();
      throw error;
    }
  };
}

/** Neither numbers nor plain texts have a NULL: as with STRICT, nothing is called then. */
function cannotBeNull(argument: WasmArgument, value: unknown): boolean {
  const isJson = argument.kind === "text" && argument.form === "json";
  return !isJson && (value === null || value === undefined);
}

export function numberCall(plan: WasmCallPlan, program: WasmProgram): Call {
  return (values) => {
    const words = plan.arguments.map((argument, index) =>
      argument.kind === "number" ? toWasm(argument, values[index]) : 0
    );
    const returned = functionOf(program.instance(), plan.entry)(...words);
    return plan.result.kind === "number" ? fromWasm(plan.result, returned) : null;
  };
}
