/**
 * For tests and benchmarks: functions as plain handlers run in this process, behind the interfaces
 * that the runtime and the catalog implement.
 */
import { defaultOptions } from "../../functions/option-table.ts";
import type {
  Call,
  FunctionDirectory,
  HttpCall,
  HttpReply,
  Invoker,
  PayloadCall,
  PayloadReply,
  ReplyTo,
} from "../../functions/call.ts";
import type { FunctionOptions, FunctionVersion } from "../../functions/function.ts";

export interface Handlers {
  readonly http?: (call: HttpCall) => Promise<Partial<HttpReply>> | Partial<HttpReply>;
  readonly payload?: (call: PayloadCall) => Promise<unknown> | unknown;
}

export interface TestFunction extends Handlers {
  readonly namespace?: string;
  readonly name: string;
  readonly options?: Partial<FunctionOptions>;
}

const timing = { execMs: 0.1, coldMs: null };

export function inProcess(
  functions: readonly TestFunction[],
): { readonly directory: FunctionDirectory; readonly invoker: Invoker } {
  const versions = new Map<string, FunctionVersion>();
  const handlers = new Map<FunctionVersion, Handlers>();
  functions.forEach((fn, index) => {
    const version: FunctionVersion = {
      functionId: String(index + 1),
      versionId: String(index + 1),
      version: 1,
      namespace: fn.namespace ?? "default",
      name: fn.name,
      language: "javascript",
      parameters: null,
      returns: null,
      code: "",
      module: { code: "", sourceMap: null, style: "web" },
      options: { ...defaultOptions, ...fn.options },
    };
    versions.set(`${version.namespace}/${version.name}`, version);
    handlers.set(version, fn);
  });

  const find = (namespace: string, name: string) => versions.get(`${namespace}/${name}`);
  return {
    directory: {
      find,
      resolve: (namespace, name) => Promise.resolve(find(namespace, name)),
      sync: () => Promise.resolve(),
    },
    invoker: {
      async invoke<C extends Call>(version: FunctionVersion, call: C): Promise<ReplyTo<C>> {
        const reply = await run(handlers.get(version) ?? {}, call);
        // The reply's kind follows from the call's, which the compiler cannot see through the generic.
        return reply as ReplyTo<C>;
      },
    },
  };
}

async function run(handlers: Handlers, call: Call): Promise<HttpReply | PayloadReply> {
  switch (call.kind) {
    case "http": {
      const part = await handlers.http?.(call);
      return {
        kind: "http",
        status: 200,
        headers: [],
        body: null,
        webSocket: null,
        timing,
        ...part,
      };
    }
    case "payload": {
      const result = await handlers.payload?.(call);
      return { kind: "payload", output: JSON.stringify(result ?? null), timing };
    }
  }
}
