/** The real psql. */

export interface PsqlOptions {
  /** Each goes to the server as one query string, `-c`. */
  readonly commands?: readonly string[];
  /** A script, statement by statement. */
  readonly input?: string;
  readonly args?: readonly string[];
}

export interface PsqlOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function psql(url: string, options: PsqlOptions): Promise<PsqlOutput> {
  const { commands = [], args = [], input } = options;
  const child = new Deno.Command("psql", {
    args: [
      ...[url, "--no-psqlrc", "--set=ON_ERROR_STOP=1", ...args],
      ...commands.flatMap((text) => ["-c", text]),
    ],
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
