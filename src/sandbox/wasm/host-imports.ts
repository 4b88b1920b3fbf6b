/** What modules may import beside WASI. */

/** AssemblyScript's `abort(message, file, line, column)`; its texts are UTF-16 behind their length. */
export function assemblyScriptImports(): {
  readonly env: Record<string, (...args: number[]) => void>;
  readonly ready: (instance: WebAssembly.Instance) => void;
} {
  let memory: WebAssembly.Memory | null = null;
  const textAt = (address: number): string => {
    if (address < 4 || memory === null) return "";
    const view = new DataView(memory.buffer);
    const bytes = Math.min(view.getUint32(address - 4, true), 1000);
    return new TextDecoder("utf-16le").decode(memory.buffer.slice(address, address + bytes));
  };
  return {
    env: {
      abort: (message = 0, file = 0, line = 0, column = 0) => {
        throw new WebAssembly.RuntimeError(
          `abort: ${textAt(message) || "no message"} at ${textAt(file) || "?"}:${line}:${column}`,
        );
      },
    },
    ready: (instance) => {
      const exported = instance.exports["memory"];
      memory = exported instanceof WebAssembly.Memory ? exported : null;
    },
  };
}
