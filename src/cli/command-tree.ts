/**
 * The commands of `orla` and their options, as commander knows them. What each does is passed in: so
 * the tree alone is enough for help and completion.
 */
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { duration, httpUrl } from "../server/setting-schema.ts";
import { settingList } from "../server/settings.ts";

export type Shell = "bash" | "zsh" | "fish";
export const shells: readonly Shell[] = ["bash", "zsh", "fish"];

export const stateFields = [
  "http",
  "sql",
  "database-url",
  "service-key",
  "anon-key",
  "s3-endpoint",
  "s3-access-key",
  "s3-secret-key",
  "pid",
] as const;
export type StateField = typeof stateFields[number];

/** Where to look for a running node. */
export interface LocateOptions {
  readonly dataDir?: string;
  readonly config?: string;
}

export interface SqlOptions extends LocateOptions {
  readonly command?: string;
  readonly file?: string;
  /** `false` with `--no-psql`. */
  readonly psql: boolean;
}

export interface DoctorOptions extends LocateOptions {
  readonly json?: true;
  /** Sandbox level below which the answer is no. */
  readonly require?: number;
}

/** Which node to talk to: one that runs here, or any by its URL. */
export interface ConnectOptions extends LocateOptions {
  readonly url?: string;
}

export interface QueueSendOptions extends ConnectOptions {
  /** In milliseconds. */
  readonly delay?: number;
  readonly key?: string;
  readonly priority?: number;
  readonly uniqueKey?: string;
  readonly lines?: true;
}

export interface HookRunOptions extends ConnectOptions {
  readonly json?: true;
}

export interface Actions {
  /** `flags` by the settings' flag names. */
  start(flags: Readonly<Record<string, string>>, configFile: string | undefined): Promise<void>;
  status(options: LocateOptions & { readonly json?: true }): Promise<void>;
  stop(options: LocateOptions): Promise<void>;
  doctor(options: DoctorOptions): Promise<void>;
  get(field: StateField, options: LocateOptions): Promise<void>;
  sql(statement: string | undefined, options: SqlOptions): Promise<void>;
  queueSend(queue: string, message: string | undefined, options: QueueSendOptions): Promise<void>;
  hookRun(hook: string, context: string | undefined, options: HookRunOptions): Promise<void>;
  version(): Promise<void>;
  completion(shell: Shell): Promise<void>;
}

const EXIT_CODES = `
Exit codes: 0 done · 1 failed · 2 wrong command line or configuration · 3 no Orla is running`;

const DOCTOR_CODES = `
Without --require, ORLA_REQUIRE_SANDBOX counts.
Exit codes: 0 all is well · 1 problems · 2 below the required level`;

export function commandTree(actions: Actions): Command {
  const program = new Command("orla")
    .description("Edge functions for your Postgres, with SQL.")
    .helpOption("-h, --help", "show this help")
    .option("-V, --version", "show the version")
    .helpCommand("help [command]", "show the help of a command")
    .configureHelp({ showGlobalOptions: false })
    .addHelpText("after", EXIT_CODES);

  const start = program.command("start")
    .description("start a node, in the foreground until it is stopped")
    .option("--config <file>", "configuration file (default: ./orla.json when it exists)");
  for (const [, setting] of settingList) {
    const shown = setting.shownDefault ?? setting.default;
    const fallback = shown === null ? "" : `, default: ${shown}`;
    const option = new Option(
      `--${setting.flag} <${setting.value}>`,
      `${setting.help} [${setting.env}${fallback}]`,
    );
    // Known, so that the configuration can say why it is refused; not offered.
    if (setting.unsupported !== undefined) option.hideHelp();
    start.addOption(option);
  }
  start.action((options: Record<string, string>) => {
    const flags: Record<string, string> = {};
    for (const option of start.options) {
      const value = options[option.attributeName()];
      const name = option.long?.slice(2);
      if (value !== undefined && name !== undefined && name !== "config") flags[name] = value;
    }
    return actions.start(flags, options["config"]);
  });

  locating(program.command("status").description("say whether a node runs here, and how it is"))
    .option("--json", "as one JSON object")
    .action((options) => actions.status(options));

  locating(program.command("stop").description("stop the node: running calls finish first"))
    .action((options) => actions.stop(options));

  locating(program.command("doctor").description("try what a node needs here, and say what lacks"))
    .option("--json", "as one JSON object")
    .addOption(
      new Option("--require <level>", "sandbox level, 0 to 3, that must be reached")
        .argParser(sandboxLevel),
    )
    .addHelpText("after", DOCTOR_CODES)
    .action((options) => actions.doctor(options));

  locating(program.command("get").description("print a URL, a key or the pid of the running node"))
    .addArgument(new Argument("<what>", "what to print").choices(stateFields))
    .addHelpText("after", '\nFor example:  psql "$(orla get sql)"')
    .action((field: StateField, options) => actions.get(field, options));

  locating(program.command("sql").description("run SQL through the node, or open a prompt"))
    .argument("[statement]", "SQL to run; without it, a prompt (or standard input)")
    .option("-c, --command <sql>", "SQL to run, as psql spells it")
    .option("-f, --file <path>", "run the statements of a file")
    .option("--no-psql", "do not use psql, even where it is installed")
    .action((statement, options) => actions.sql(statement, options));

  const queue = program.command("queue").description("messages for functions").helpCommand(false);
  connecting(queue.command("send").description("put a message into a queue; prints its job"))
    .argument("<queue>", "the queue's name")
    .argument("[message]", "JSON, or - for standard input; null without it")
    .addOption(
      new Option("--delay <time>", "not before this time has passed: 30s, 5min, 12h")
        .argParser(messageDelay),
    )
    .option("--key <key>", "messages of one key are taken in order")
    .addOption(
      new Option("--priority <number>", "lower ones go first; 0 without it").argParser(priority),
    )
    .option("--unique-key <key>", "add nothing while a message with it waits")
    .option("--lines", "standard input has a message on each line")
    .action((name, message, options) => actions.queueSend(name, message, options));

  const hook = program.command("hook").description("moments of a pipeline").helpCommand(false);
  connecting(hook.command("run").description("call every function of a hook; fails if one does"))
    .argument("<hook>", "the hook's name")
    .argument("[context]", "JSON, or - for standard input; null without it")
    .option("--json", "the results as one JSON array")
    .action((name, context, options) => actions.hookRun(name, context, options));

  program.command("version").description("show the versions of Orla and what it is made of")
    .action(() => actions.version());

  program.command("completion").description("print a completion script for your shell")
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .addHelpText("after", "\nFor example in ~/.bashrc:  source <(orla completion bash)")
    .action((shell: Shell) => actions.completion(shell));

  return program;
}

function sandboxLevel(written: string): number {
  if (/^[0-3]$/.test(written)) return Number(written);
  throw new InvalidArgumentError("It is a level from 0 to 3.");
}

/** What `edge.enqueue` takes. */
const MAX_DELAY_MS = 366 * 24 * 3_600_000;

function messageDelay(written: string): number {
  const parsed = duration(0, MAX_DELAY_MS).safeParse(written);
  if (parsed.success) return Math.round(parsed.data);
  throw new InvalidArgumentError("It is a time such as 500ms, 30s, 5min, 12h or 2d.");
}

function priority(written: string): number {
  if (/^-?\d{1,5}$/.test(written)) return Number(written);
  throw new InvalidArgumentError("It is a whole number.");
}

function nodeUrl(written: string): string {
  if (httpUrl.safeParse(written).success) return written;
  throw new InvalidArgumentError("It begins with http:// or https://.");
}

function connecting(command: Command): Command {
  return locating(command)
    .addOption(
      new Option("--url <url>", "a node elsewhere; its service key is in ORLA_SERVICE_KEY")
        .argParser(nodeUrl).conflicts(["dataDir", "config"]),
    );
}

function locating(command: Command): Command {
  return command
    .option("--data-dir <path>", "data directory of the node [ORLA_DATA_DIR, default: ./.orla]")
    .option("--config <file>", "configuration file (default: ./orla.json when it exists)");
}
