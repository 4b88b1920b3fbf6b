/** `orla queue send`: messages into a queue. Prints the id of each one's job, a line each. */
import type { OrlaClient } from "../../sdk/src/client.ts";
import type { Message, MessageOptions } from "../../sdk/src/queues.ts";
import { OrlaError } from "../base/errors.ts";
import type { QueueSendOptions } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { readJson, readJsonLines } from "./json-input.ts";
import { nodeClient } from "./node-client.ts";
import { print, printError } from "./terminal.ts";

/** What one request may bring, and room for what stands around the messages in it. */
const BATCH_MESSAGES = 1000;
const BATCH_CHARACTERS = 2 ** 20;

export async function queueSend(
  queue: string,
  message: string | undefined,
  { delay, key, priority, uniqueKey, lines, ...connect }: QueueSendOptions,
): Promise<ExitCode> {
  if (lines && (uniqueKey !== undefined || (message ?? "-") !== "-")) {
    throw new OrlaError(
      "invalid_option",
      `--lines takes standard input, and no ${uniqueKey === undefined ? "message" : "unique key"}`,
    );
  }
  const options = { delayMs: delay, key, priority, uniqueKey };
  const payload = lines ? null : await readJson(message, "the message");
  const node = await nodeClient(connect);
  if (node.client === null) return node.code;
  if (lines) return await sendLines(node.client, queue, options);
  print((await node.client.queues.send(queue, payload, options)).jobId);
  return exitCodes.ok;
}

async function sendLines(
  client: OrlaClient,
  queue: string,
  options: MessageOptions,
): Promise<ExitCode> {
  let sent = 0;
  try {
    for await (const batch of batches(options)) {
      const { jobIds } = await client.queues.sendMany(queue, batch);
      for (const jobId of jobIds) print(jobId);
      sent += jobIds.length;
    }
  } catch (thrown) {
    printError(`orla: ${sent} messages were sent before this:`);
    throw thrown;
  }
  return exitCodes.ok;
}

async function* batches(options: MessageOptions): AsyncGenerator<readonly Message[]> {
  let batch: Message[] = [];
  let characters = 0;
  for await (const { value: payload, length } of readJsonLines()) {
    const full = batch.length === BATCH_MESSAGES || characters + length > BATCH_CHARACTERS;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
      characters = 0;
    }
    batch.push({ ...options, payload });
    characters += length;
  }
  if (batch.length > 0) yield batch;
}
