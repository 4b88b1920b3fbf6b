/** Completion scripts, generated from the command tree so that they cannot fall behind it. */
import type { Command, Option } from "commander";
import type { Shell } from "./command-tree.ts";

export function completionScript(shell: Shell, program: Command): string {
  const commands = program.createHelp().visibleCommands(program).map(describe);
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      return zsh(commands);
    case "fish":
      return fish(commands);
    default:
      return shell satisfies never;
  }
}

interface DescribedCommand {
  readonly name: string;
  readonly help: string;
  readonly options: readonly Option[];
  /** Fixed values of its argument, or the commands below it. */
  readonly choices: readonly string[];
}

/** A command with others below it offers their options, too. */
function describe(command: Command): DescribedCommand {
  const help = command.createHelp();
  const options = [command, ...command.commands].flatMap((each) => help.visibleOptions(each));
  return {
    name: command.name(),
    help: command.description(),
    options: [...new Map(options.map((option) => [option.flags, option])).values()],
    choices: [
      ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
      ...command.commands.map((below) => below.name()),
    ],
  };
}

const takesPath = (option: Option) => /<(path|file)>/.test(option.flags);
const spellings = (option: Option) =>
  [option.short, option.long].filter((name) => typeof name === "string");

function bash(commands: readonly DescribedCommand[]): string {
  const cases = commands.map(({ name, options, choices }) =>
    `    ${name}) words="${[...choices, ...options.flatMap(spellings)].join(" ")}" ;;`
  );
  const paths = [...new Set(commands.flatMap((command) => command.options.filter(takesPath)))]
    .flatMap(spellings);
  return `_orla() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words
  case $previous in
    ${[...new Set(paths)].join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
    *) words="${commands.map(({ name }) => name).join(" ")} --help" ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${commands.map(({ name }) => name).join(" ")} --help"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _orla orla
`;
}

function zsh(commands: readonly DescribedCommand[]): string {
  const quote = (text: string) =>
    text.replaceAll("'", "'\\''").replaceAll("[", "\\[").replaceAll("]", "\\]").replaceAll(
      ":",
      "\\:",
    );
  const list = commands.map(({ name, help }) => `    '${name}:${quote(help)}'`);
  const cases = commands.map(({ name, options, choices }) => {
    const specs = options.flatMap((option) => {
      const value = option.required ? `:value:${takesPath(option) ? "_files" : " "}` : "";
      return spellings(option).map((word) => `'${word}[${quote(option.description)}]${value}'`);
    });
    if (choices.length > 0) specs.push(`'1:argument:(${choices.join(" ")})'`);
    return `    ${name}) _arguments ${specs.join(" ")} ;;`;
  });
  return `#compdef orla
_orla() {
  local -a commands
  commands=(
${list.join("\n")}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  shift words; (( CURRENT-- ))
  case $words[1] in
${cases.join("\n")}
  esac
}
compdef _orla orla
`;
}

function fish(commands: readonly DescribedCommand[]): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = ["complete -c orla -f"];
  for (const { name, help, options, choices } of commands) {
    lines.push(`complete -c orla -n __fish_use_subcommand -a ${name} -d ${quote(help)}`);
    const here = `complete -c orla -n '__fish_seen_subcommand_from ${name}'`;
    if (choices.length > 0) lines.push(`${here} -a ${quote(choices.join(" "))}`);
    for (const option of options) {
      const short = option.short ? ` -s ${option.short.slice(1)}` : "";
      const long = option.long ? ` -l ${option.long.slice(2)}` : "";
      const value = option.required ? (takesPath(option) ? " -r -F" : " -x") : "";
      lines.push(`${here}${short}${long}${value} -d ${quote(option.description)}`);
    }
  }
  return lines.join("\n") + "\n";
}
