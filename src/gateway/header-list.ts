import type { HeaderList } from "../functions/call.ts";

export function appendHeaders(target: Headers, list: HeaderList): void {
  // Both in range: names and values come in pairs.
  for (let i = 0; i < list.length; i += 2) target.append(list[i]!, list[i + 1]!);
}
