/** Runs the shell commands of a document, one bash after the other, as a reader would in one terminal. */
import { join } from "node:path";

export interface ShellOptions {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** For what is carried from one fence to the next. */
  readonly scratchDir: string;
}

export interface Ran {
  readonly code: number;
  /** Both streams, in the order they were written. */
  readonly output: string;
}

export class Shell {
  readonly #options: ShellOptions;
  readonly #variables: string;

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#variables = join(options.scratchDir, "variables.sh");
    Deno.writeTextFileSync(this.#variables, "");
    // In a terminal curl shows no progress; here it would.
    Deno.writeTextFileSync(join(options.scratchDir, ".curlrc"), "silent\nshow-error\n");
  }

  async run(commands: string): Promise<Ran> {
    const { directory, env, scratchDir } = this.#options;
    // Variables live on in the next fence: all are exported, and kept in a file.
    const script = `set -euo pipefail; . "$1"; exec 2>&1; set -a
trap 'export -p >"$1"' EXIT
${commands}
`;
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", script, "bash", this.#variables],
      cwd: directory,
      env: { ...env, CURL_HOME: scratchDir, PSQLRC: "/dev/null", PAGER: "cat" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  }
}

/** What is not installed of the programs a test may use; nobody needs them to run Orla. */
export function missingPrograms(commands: string): string[] {
  const wanted = ["bash", ...["curl", "psql"].filter((name) => commands.includes(`${name} `))];
  return wanted.filter((name) =>
    !new Deno.Command("sh", { args: ["-c", `command -v ${name}`], stdout: "null" })
      .outputSync().success
  );
}
