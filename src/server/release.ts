/** Which release this is. */
import { z } from "zod";

export async function releaseVersion(): Promise<string> {
  const text = await Deno.readTextFile(new URL("../../package.json", import.meta.url));
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
