import type { Attack } from "./attack.ts";
import { addressAttacks } from "./attacks/addresses.ts";
import { bootstrapAttacks } from "./attacks/bootstrap.ts";
import { channelAttacks } from "./attacks/channel.ts";
import { databaseAttacks } from "./attacks/database.ts";
import { fileAttacks } from "./attacks/files.ts";
import { kernelAttacks } from "./attacks/kernel.ts";
import { logAttacks } from "./attacks/logs.ts";
import { memoryAttacks } from "./attacks/memory.ts";
import { networkAttacks } from "./attacks/network.ts";
import { platformAttacks } from "./attacks/platform.ts";
import { processAttacks } from "./attacks/processes.ts";
import { responseAttacks } from "./attacks/responses.ts";
import { resultAttacks } from "./attacks/results.ts";
import { socketAttacks } from "./attacks/sockets.ts";
import { timeAttacks } from "./attacks/time.ts";
import { wasmAttacks } from "./attacks/wasm.ts";

/** By what they aim at, as docs/security.md tells them. */
export const attackGroups: Readonly<Record<string, readonly Attack[]>> = {
  "Files and storage": fileAttacks,
  "Processes": processAttacks,
  "The kernel": kernelAttacks,
  "Addresses": addressAttacks,
  "The network": networkAttacks,
  "Sockets": socketAttacks,
  "Memory": memoryAttacks,
  "The processor": timeAttacks,
  "The runtime's own code": bootstrapAttacks,
  "The channel to the supervisor": channelAttacks,
  "Results": resultAttacks,
  "Responses": responseAttacks,
  "Logs": logAttacks,
  "The database from inside": databaseAttacks,
  "Other host calls": platformAttacks,
  "WebAssembly": wasmAttacks,
};

export const attacks: readonly Attack[] = Object.values(attackGroups).flat();
