/** `orla version`. */
import { releaseVersion } from "../server/release.ts";
import { print } from "./terminal.ts";

export async function version(): Promise<void> {
  const { deno, v8 } = Deno.version;
  const { os, arch } = Deno.build;
  print(`orla ${await releaseVersion()} (deno ${deno}, v8 ${v8}, ${os}-${arch})`);
}
