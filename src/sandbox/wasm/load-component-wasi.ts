/**
 * Entry of the loader for components that import WASI 0.2. The interfaces are jco's own for browsers,
 * of which nothing reaches the machine: requests go through `fetch`, and so under the function's
 * network policy; there are no files and no sockets.
 */
import { createCli } from "@bytecodealliance/preview2-shim/cli";
import { monotonicClock, wallClock } from "@bytecodealliance/preview2-shim/clocks";
import {
  handleIncomingRequest,
  outgoingHandler,
  types,
} from "@bytecodealliance/preview2-shim/http";
import { error, poll, streams } from "@bytecodealliance/preview2-shim/io";
import { insecure, insecureSeed, random } from "@bytecodealliance/preview2-shim/random";
import {
  instanceNetwork,
  ipNameLookup,
  network,
  tcp,
  tcpCreateSocket,
  udp,
  udpCreateSocket,
} from "@bytecodealliance/preview2-shim/sockets";
import type { WasmCommandPlan, WasmComponentPlan } from "../../protocol/wasm-plan.ts";
import {
  asError,
  type ComponentInstance,
  componentMaker,
  type ComponentOptions,
  ComponentPool,
  functionHandler,
  InstanceTurns,
} from "./component.ts";
import { inputOf, joined, LastWords, resultOf } from "./command.ts";
import { OutputLines } from "./output-lines.ts";
import { toJson } from "./texts.ts";

const environment = {
  "wasi:clocks/monotonic-clock": monotonicClock,
  "wasi:clocks/wall-clock": wallClock,
  "wasi:filesystem/preopens": { getDirectories: () => [] },
  "wasi:filesystem/types": {
    Descriptor: class Descriptor {},
    DirectoryEntryStream: class DirectoryEntryStream {},
    filesystemErrorCode: () => undefined,
  },
  "wasi:http/outgoing-handler": outgoingHandler,
  "wasi:http/types": types,
  "wasi:io/error": error,
  "wasi:io/poll": poll,
  "wasi:io/streams": streams,
  "wasi:random/insecure": insecure,
  "wasi:random/insecure-seed": insecureSeed,
  "wasi:random/random": random,
  "wasi:sockets/instance-network": instanceNetwork,
  "wasi:sockets/ip-name-lookup": ipNameLookup,
  "wasi:sockets/network": network,
  "wasi:sockets/tcp": tcp,
  "wasi:sockets/tcp-create-socket": tcpCreateSocket,
  "wasi:sockets/udp": udp,
  "wasi:sockets/udp-create-socket": udpCreateSocket,
};

interface Streams {
  readonly program: string;
  readonly stdin: Uint8Array;
  readonly stdout: (bytes: Uint8Array) => void;
  readonly stderr: (bytes: Uint8Array) => void;
}

/** What an instance imports: all of the above, and streams of its own. */
function importsWith({ program, stdin, stdout, stderr }: Streams): Record<string, unknown> {
  let at = 0;
  const read = (length: bigint) => {
    if (at === stdin.length) throw { tag: "closed" }; // as WIT's stream-error
    const chunk = stdin.slice(at, at + Number(length));
    at += chunk.length;
    return chunk;
  };
  const cli = createCli({
    arguments: [program],
    environment: Deno.env.toObject(),
    stdin: { read, blockingRead: read },
    stdout: { write: stdout },
    stderr: { write: stderr },
  });
  return {
    ...environment,
    "wasi:cli/environment": cli.environment,
    "wasi:cli/exit": cli.exit,
    "wasi:cli/stdin": cli.stdin,
    "wasi:cli/stdout": cli.stdout,
    "wasi:cli/stderr": cli.stderr,
    "wasi:cli/terminal-input": cli.terminalInput,
    "wasi:cli/terminal-output": cli.terminalOutput,
    "wasi:cli/terminal-stdin": cli.terminalStdin,
    "wasi:cli/terminal-stdout": cli.terminalStdout,
    "wasi:cli/terminal-stderr": cli.terminalStderr,
  };
}

type Make = (streams: Streams) => Promise<ComponentInstance>;

export async function load({ entry }: WasmComponentPlan, options: ComponentOptions) {
  const makeWith = componentMaker(options);
  const make: Make = (streams) => makeWith(importsWith(streams));
  const output = new OutputLines((line) => options.log.log(line));
  const errors = new OutputLines((line) => options.log.error(line));
  const logged: Streams = {
    program: entry.kind === "function" ? entry.name : "main",
    stdin: new Uint8Array(),
    stdout: (bytes) => output.write(bytes),
    stderr: (bytes) => errors.write(bytes),
  };
  // Every module is compiled while its file can still be read.
  const pool = new ComponentPool(() => make(logged), await make(logged));
  switch (entry.kind) {
    case "function":
      return functionHandler(entry, pool);
    case "http":
      return (request: Request) =>
        pool.use(({ incomingHandler }) => {
          const { handle } = incomingHandler as { readonly handle: HttpHandle };
          return handleIncomingRequest(request, handle);
        });
    case "command": {
      const turns = new InstanceTurns();
      return (...values: unknown[]) => turns.take(() => run(entry.command, values, make, options));
    }
  }
}

type HttpHandle = Parameters<typeof handleIncomingRequest>[1];

/** A program runs once. */
async function run(
  plan: WasmCommandPlan,
  values: unknown[],
  make: Make,
  { log }: ComponentOptions,
): Promise<unknown> {
  const output: Uint8Array[] = [];
  const lastWords = new LastWords((line) => log.error(line));
  const instance = await make({
    program: plan.program,
    stdin: new TextEncoder().encode(toJson(inputOf(plan, values))),
    stdout: (bytes) => output.push(bytes.slice()),
    stderr: (bytes) => lastWords.write(bytes),
  });
  const { run } = instance.exports["run"] as { readonly run: () => unknown };
  try {
    await run();
  } catch (thrown) {
    lastWords.end();
    const code = exitCode(thrown);
    if (code !== 0) throw code === null ? asError(thrown) : lastWords.failure(code);
  } finally {
    lastWords.end();
    instance.drop();
  }
  return resultOf(joined(output), plan.result);
}

/** `wasi:cli/exit` throws, and `run` gives an error without a word; `null` for any other trouble. */
function exitCode(thrown: unknown): number | null {
  if (thrown === undefined) return 1;
  if (typeof thrown !== "object" || thrown === null || !("exitError" in thrown)) return null;
  return "code" in thrown ? Number(thrown.code) : 1;
}
