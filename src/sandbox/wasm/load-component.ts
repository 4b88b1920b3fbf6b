/** Entry of the loader for components without WASI. */
import type { WasmComponentPlan } from "../../protocol/wasm-plan.ts";
import {
  componentMaker,
  type ComponentOptions,
  ComponentPool,
  functionHandler,
} from "./component.ts";

export async function load({ entry }: WasmComponentPlan, options: ComponentOptions) {
  if (entry.kind !== "function") throw new TypeError(`${entry.kind} is there with WASI alone`);
  const make = componentMaker(options);
  return functionHandler(entry, new ComponentPool(() => make({}), await make({})));
}
