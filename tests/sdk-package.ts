/** The client as its users get it: packed by npm, and installed where nothing of Orla is. */
import { join } from "node:path";
import { root } from "./docs/documents.ts";

/** Makes the package from this checkout and installs it into a directory, without any network. */
export async function installSdk(directory: string): Promise<void> {
  const packed = await npm(["pack", join(root, "sdk"), "--pack-destination", directory, "--json"]);
  const [{ filename }] = JSON.parse(packed);
  await Deno.writeTextFile(join(directory, "package.json"), '{"private": true}\n');
  await npm(["install", "--offline", "--no-audit", "--no-fund", "--prefix", directory, filename]);

  async function npm(args: readonly string[]): Promise<string> {
    const command = new Deno.Command("npm", { args: [...args, "--silent"], cwd: directory });
    const { success, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`npm ${args[0]}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }
}
