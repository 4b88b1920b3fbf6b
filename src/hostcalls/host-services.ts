/** All that functions may ask of this node, by the operations' names. */
import { OrlaError } from "../base/errors.ts";
import {
  type HostCallContext,
  HostCallError,
  type HostServices,
} from "../functions/host-services.ts";

/** Answers with JSON text. */
export type Operation = (input: unknown, context: HostCallContext) => Promise<string>;

export interface HostServicesLog {
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export function createHostServices(
  operations: Readonly<Record<string, Operation>>,
  log: HostServicesLog,
): HostServices {
  const known = new Map(Object.entries(operations));
  return {
    async call(op, input, context) {
      const operation = known.get(op);
      if (operation === undefined) {
        throw new OrlaError("not_supported", `There is no operation ${JSON.stringify(op)}`);
      }
      try {
        return await operation(input, context);
      } catch (thrown) {
        // The function is told only that something went wrong; whoever runs the node is told what.
        if (isOurs(thrown)) log.error("a host call failed", { op, error: thrown });
        throw thrown;
      }
    },
  };
}

function isOurs(thrown: unknown): boolean {
  if (thrown instanceof OrlaError) return thrown.code === "internal";
  return !(thrown instanceof HostCallError);
}
