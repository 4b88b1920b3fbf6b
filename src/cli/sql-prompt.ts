/** The prompt of `orla sql` without psql: lines gather until a `;` outside quotes ends them. */
import process from "node:process";
import { createInterface } from "node:readline";
import { isComplete } from "./sql-complete.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import type { SqlRunner } from "./sql-runner.ts";
import { print } from "./terminal.ts";

const HELP = `\\q  leave            \\d [name]  tables and views, or one's columns
\\?  this help        Ctrl-C     forget what has been typed
Anything else is SQL, and ends with a semicolon.`;

export async function openPrompt(runner: SqlRunner): Promise<ExitCode> {
  const readline = createInterface({
    input: process.stdin,
    output: process.stdout,
    historySize: 500,
  });
  let gathered = "";
  const prompt = () => {
    readline.setPrompt(gathered === "" ? "orla=> " : "orla-> ");
    readline.prompt();
  };
  readline.on("SIGINT", () => {
    gathered = "";
    print("");
    prompt();
  });
  print("Type SQL, \\? for help, \\q to leave.");
  prompt();
  for await (const line of readline) {
    const command = gathered === "" ? line.trim() : "";
    if (command.startsWith("\\")) {
      if (await runCommand(command, runner) === "leave") break;
    } else {
      gathered += gathered === "" ? line : `\n${line}`;
      if (gathered.trim() === "") gathered = "";
      else if (isComplete(gathered)) {
        const text = gathered;
        gathered = "";
        await runner.run(text);
      }
    }
    prompt();
  }
  readline.close();
  return exitCodes.ok;
}

async function runCommand(command: string, runner: SqlRunner): Promise<"stay" | "leave"> {
  const [name = "", argument] = command.split(/\s+/);
  switch (name) {
    case "\\q":
      return "leave";
    case "\\d":
      await runner.describe(argument);
      return "stay";
    case "\\?":
      print(HELP);
      return "stay";
    default:
      print(`${name} is not known; \\? lists what is.`);
      return "stay";
  }
}
