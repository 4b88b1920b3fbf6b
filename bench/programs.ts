/** The programs the benchmarks start, and whether the optional ones are installed. */
import { fileURLToPath } from "node:url";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export const orlaProgram = path("../bin/orla");
export const denoProgram = path("../bin/deno");
export const nodeProgram = "node";
/** workerd's own binary: the `workerd` script beside it would stay in between and keep signals. */
export const workerdProgram = path(
  `../node_modules/@cloudflare/workerd-${Deno.build.os}-${
    Deno.build.arch === "aarch64" ? "arm64" : "64"
  }/bin/workerd`,
);

/** A file of `peers/programs/`. */
export function peerProgram(name: string): string {
  return path(`peers/programs/${name}`);
}

/** The first line `command` prints, or `undefined` when it is not installed. */
export async function versionOf(
  command: string,
  args: readonly string[] = ["--version"],
): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    return text.trim().split("\n")[0]?.trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
