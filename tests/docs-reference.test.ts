/** The tables of the reference say what the code says. */
import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";
import type { Command } from "commander";
import pg from "pg";
import { errorMeanings } from "../src/base/errors.ts";
import { commandTree } from "../src/cli/command-tree.ts";
import {
  defaultOptions,
  optionTable,
  type SupportedOption,
} from "../src/functions/option-table.ts";
import { describeType, formatDuration, formatSize } from "../src/functions/option-value.ts";
import { defaultLimits } from "../src/gateway/limits.ts";
import { MAX_PAYLOAD_BYTES, MAX_RESULT_BYTES } from "../src/protocol/frame.ts";
import { MAX_OPEN_HOST_CALLS } from "../src/protocol/host-message.ts";
import { MAX_OPEN_FILES } from "../src/runtime/limits.ts";
import {
  LOG_BURST_BYTES,
  LOG_BURST_LINES,
  LOG_BYTES_PER_SECOND,
  LOG_LINES_PER_SECOND,
} from "../src/runtime/log-meter.ts";
import { SCRATCH_BYTES } from "../src/runtime/python/scratch.ts";
import { documents, root } from "./docs/documents.ts";
import { anchorsOf, linksOf, prose, tableBelow, withoutBackticks } from "./docs/markdown.ts";
import { type OrlaProcess, startOrlaProcess } from "./orla.ts";

const read = (path: string) => Deno.readTextFileSync(join(root, path));
const idle = () => Promise.reject(new Error("only the tree is wanted"));
const actions = {
  ...{ start: idle, status: idle, stop: idle, get: idle, sql: idle, version: idle },
  ...{ completion: idle, doctor: idle, queueSend: idle, hookRun: idle },
};

Deno.test("sql.md: every option with its values, default and meaning", () => {
  const documented = tableBelow(read("docs/sql.md"), "Options");
  const supported = optionTable.filter((option) => option.supported);
  assert.deepEqual(
    documented,
    supported.map((option) => [
      ...[`\`${option.name}\``, describeType(option.type), shownDefault(option)],
      option.meaning,
    ]),
  );
});

Deno.test("sql.md: every option that is known and refused", () => {
  const [, later = ""] = read("docs/sql.md").split("Known by name and type");
  assert.deepEqual(
    tableBelow(`# Later\n${later}`, "Later"),
    optionTable.filter(({ supported }) => !supported).map(({ name, type, meaning }) => [
      ...[`\`${name}\``, describeType(type), meaning],
    ]),
  );
});

function shownDefault({ field, type }: SupportedOption): string {
  const value = defaultOptions[field];
  if (value === null) return "NULL";
  switch (type.kind) {
    case "size":
      return type.in === "bytes" ? formatSize(Number(value)) : `${value}MB`;
    case "list":
    case "net-rules":
      return "()";
    case "variables":
      return "'{}'";
    case "duration":
      return formatDuration(Number(value));
    case "choice":
      return `'${value}'`;
    default:
      return String(value);
  }
}

Deno.test("api.md: every error with its status, SQLSTATE and whether to retry", () => {
  const documented = tableBelow(read("docs/api.md"), "Errors");
  assert.deepEqual(
    documented.map((row) => row.slice(0, 4)),
    Object.entries(errorMeanings).map(([code, { status, sqlState, retryable }]) => [
      ...[`\`${code}\``, String(status), sqlState, retryable ? "yes" : ""],
    ]),
  );
  for (const [, , , , when = ""] of documented) assert.match(when, /^\p{Lu}.+\.$/u);
});

Deno.test("api.md: the limits of the gateway", () => {
  const documented = Object.fromEntries(tableBelow(read("docs/api.md"), "Limits"));
  const { maxBodyBytes, maxUrlLength, maxHeaders, maxHeaderBytes, bodyIdleTimeoutMs, maxInFlight } =
    defaultLimits;
  const expected = {
    "body of a request": `${maxBodyBytes / 2 ** 20} MB`,
    "URL": `${maxUrlLength.toLocaleString("en")} characters`,
    "headers": `${maxHeaders}, of ${maxHeaderBytes / 1024} KB together`,
    "pause in a request's body": `${bodyIdleTimeoutMs / 1000} s`,
    "requests under way on one node, open WebSockets included": maxInFlight.toLocaleString("en"),
  };
  for (const [what, limit] of Object.entries(expected)) assert.equal(documented[what], limit, what);
});

Deno.test("guide.md: the limits, their defaults and options", () => {
  const documented = tableBelow(read("docs/guide.md"), "Limits");
  const defaults = Object.fromEntries(documented.map(([what, limit]) => [what, limit]));
  const perSecond = `${LOG_LINES_PER_SECOND.toLocaleString("en")} or ` +
    `${formatSize(LOG_BYTES_PER_SECOND)} a second`;
  const burst = `${LOG_BURST_LINES.toLocaleString("en")} or ${formatSize(LOG_BURST_BYTES)} at once`;
  const expected = {
    "memory of an instance": `${defaultOptions.memoryMb}MB`,
    "time of a call": formatDuration(defaultOptions.timeoutMs),
    "processor time of a call": defaultOptions.cpuTimeMs ?? "none",
    "share of a processor an instance may use": defaultOptions.cpuLimitPercent ?? "none",
    "response to a call over HTTP": formatSize(defaultOptions.maxResponseBytes),
    "result of a call in SQL or with a payload": formatSize(MAX_RESULT_BYTES),
    "log lines of a call": formatSize(defaultOptions.maxLogBytes),
    "log lines of an instance": `${perSecond}, ${burst}`,
    "calls an instance runs at the same time": String(defaultOptions.concurrency),
    "open files and sockets": String(MAX_OPEN_FILES),
    "files, Python only": formatSize(SCRATCH_BYTES),
    "requests to the platform open at once": MAX_OPEN_HOST_CALLS.toLocaleString("en"),
    "one message between instance and node": formatSize(MAX_PAYLOAD_BYTES),
  };
  for (const [what, limit] of Object.entries(expected)) assert.equal(defaults[what], limit, what);
  const options = optionTable.filter(({ supported }) => supported).map(({ name }) => `\`${name}\``);
  const codes = Object.keys(errorMeanings).concat("log_limit_exceeded");
  for (const [what = "", , option = "", , beyond = ""] of documented) {
    if (option !== "") assert.ok(options.includes(option), what);
    for (const [, code = ""] of beyond.matchAll(/`(\w+)`/g)) assert.ok(codes.includes(code), code);
  }
});

Deno.test("cli.md: every command with its description", () => {
  const program = commandTree(actions);
  assert.deepEqual(
    tableBelow(read("docs/cli.md"), "Commands").map(([command = "", description]) => [
      ...[withoutBackticks(command), description],
    ]),
    program.commands.flatMap((command) => leavesOf(command, "orla")),
  );
});

/** The commands that do something, with all their words and what they do. */
function leavesOf(command: Command, above: string): string[][] {
  const path = `${above} ${command.name()}`;
  if (command.commands.length > 0) return command.commands.flatMap((one) => leavesOf(one, path));
  const words = command.registeredArguments.map((argument) =>
    argument.required ? ` <${argument.name()}>` : ` [${argument.name()}]`
  );
  return [[path + words.join(""), command.description()]];
}

Deno.test("links lead somewhere", () => {
  const broken = documents.flatMap((path) =>
    linksOf(read(path)).filter(({ target }) => !leadsSomewhere(path, target))
      .map(({ target, line }) => `${path}:${line}: ${target}`)
  );
  assert.deepEqual(broken, []);
});

function leadsSomewhere(path: string, target: string): boolean {
  const [file = "", anchor] = target.split("#");
  const goal = file === "" ? path : normalize(join(dirname(path), file));
  try {
    if (anchor === undefined) return Deno.statSync(join(root, goal)) !== null;
    return anchorsOf(read(goal)).has(anchor);
  } catch {
    return false;
  }
}

Deno.test("no code in the prose is broken by a line's end", () => {
  const broken = documents.flatMap((path) =>
    prose(read(path)).filter(({ text }) => text.split("`").length % 2 === 0)
      .map(({ line }) => `${path}:${line}`)
  );
  assert.deepEqual(broken, []);
});

Deno.test("what only a running Orla knows", async (t) => {
  await using orla = await startOrlaProcess();
  await t.step("sql.md: the columns of schema system", () => columnsAreDocumented(orla));
  await t.step("api.md: every route", () => routesAreDocumented(orla));
  await t.step("operations.md: every metric", () => metricsAreDocumented(orla));
});

async function columnsAreDocumented({ sqlUrl }: OrlaProcess): Promise<void> {
  const client = new pg.Client({ connectionString: sqlUrl });
  await client.connect();
  const { rows } = await client.query<{ relation: string; columns: string[][] }>(`
    SELECT table_schema || '.' || table_name AS relation,
      json_agg(json_build_array(column_name, data_type) ORDER BY ordinal_position) AS columns
    FROM information_schema.columns WHERE table_schema = 'system' GROUP BY 1 ORDER BY 1`);
  await client.end();
  const document = read("docs/sql.md");
  assert.ok(rows.length >= 5);
  for (const { relation, columns } of rows) {
    const documented = tableBelow(document, `\`${relation}\``);
    assert.deepEqual(
      documented.map(([name = "", type]) => [withoutBackticks(name), type]),
      columns,
      relation,
    );
    for (const [, , meaning] of documented) assert.notEqual(meaning, "", relation);
  }
}

async function routesAreDocumented({ http }: OrlaProcess): Promise<void> {
  const answer = await fetch(`${http}/api/v1/openapi.json`);
  const { paths }: { paths: Record<string, Record<string, unknown>> } = await answer.json();
  const served = Object.entries(paths).flatMap(([path, item]) => {
    const methods = Object.keys(item).filter((key) => key !== "parameters");
    return methods.length > 2
      ? [`any ${path}`]
      : methods.map((method) => `${method.toUpperCase()} ${path}`);
  });
  const documented = tableBelow(read("docs/api.md"), "Routes").map(([method = "", path = ""]) =>
    `${method} ${withoutBackticks(path)}`
  );
  assert.deepEqual(documented.sort(), served.sort());
}

async function metricsAreDocumented({ http }: OrlaProcess): Promise<void> {
  const page = await (await fetch(`${http}/metrics`)).text();
  const served = [...page.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]);
  const documented = tableBelow(read("docs/operations.md"), "Metrics").map(([name = "", type]) => [
    ...[withoutBackticks(name), type],
  ]);
  assert.deepEqual(documented.sort(), served.sort());
}
