import type { HeaderList } from "../../functions/call.ts";

/** By name; of repeated names the last. */
export function headersByName(list: HeaderList): Record<string, string> {
  const byName: Record<string, string> = {};
  for (let i = 0; i < list.length; i += 2) byName[list[i]!] = list[i + 1]!; // in pairs
  return byName;
}
