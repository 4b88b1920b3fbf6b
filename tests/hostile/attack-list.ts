import type { Attack } from "./attack.ts";
import { bootstrapAttacks } from "./attacks/bootstrap.ts";
import { fileAttacks } from "./attacks/files.ts";
import { memoryAttacks, timeAttacks } from "./attacks/memory-and-time.ts";
import { networkAttacks } from "./attacks/network.ts";
import { outputAttacks } from "./attacks/output.ts";
import { platformAttacks } from "./attacks/platform.ts";
import { processAttacks } from "./attacks/processes.ts";
import { resultAttacks } from "./attacks/results.ts";
import { wasmAttacks } from "./attacks/wasm.ts";

/** By what they aim at, as docs/security.md tells them. */
export const attackGroups: Readonly<Record<string, readonly Attack[]>> = {
  "Files and storage": fileAttacks,
  "Processes and the kernel": processAttacks,
  "The network": networkAttacks,
  "Memory": memoryAttacks,
  "The processor": timeAttacks,
  "The runtime's own code": bootstrapAttacks,
  "Results": resultAttacks,
  "Logs and responses": outputAttacks,
  "The database and the platform": platformAttacks,
  "WebAssembly": wasmAttacks,
};

export const attacks: readonly Attack[] = Object.values(attackGroups).flat();
