/** Messages for the functions that a trigger has put on a queue. */
import { Answer } from "./answer.ts";
import { OrlaError } from "./error.ts";
import { pathOf } from "./path.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** What `edge.enqueue` takes in SQL. */
export interface MessageOptions {
  /** Not before this time has passed. */
  readonly delayMs?: number | undefined;
  /** Messages of one key are taken in order. */
  readonly key?: string | undefined;
  /** Lower ones go first; 0 without it. */
  readonly priority?: number | undefined;
  /** While a message with it waits, another is not added. */
  readonly uniqueKey?: string | undefined;
}

export interface Message extends MessageOptions {
  readonly payload: unknown;
}

export interface SendOptions extends CallOptions {
  /**
   * Names this sending, for a day: the same again adds nothing, and is answered as the first time.
   * Without it each call has a new one, so that a lost answer can be asked for again; with your own,
   * your program can do so too after it was restarted.
   */
  readonly idempotencyKey?: string | undefined;
}

export class Queues {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Resolves once the message is stored. Needs the service key. */
  async send(
    queue: string,
    payload: unknown,
    { delayMs, key, priority, uniqueKey, ...options }: MessageOptions & SendOptions = {},
  ): Promise<{ readonly jobId: string }> {
    const message = wireForm({ payload, delayMs, key, priority, uniqueKey });
    return { jobId: (await this.#post(queue, message, options)).text("job_id") };
  }

  /** All of them, in one transaction: at most 1,000, and 10 MB together. */
  async sendMany(
    queue: string,
    messages: readonly Message[],
    options: SendOptions = {},
  ): Promise<{ readonly jobIds: readonly string[] }> {
    const answer = await this.#post(queue, { messages: messages.map(wireForm) }, options);
    return { jobIds: answer.list("job_ids").map(String) };
  }

  async #post(queue: string, body: unknown, options: SendOptions): Promise<Answer> {
    const { idempotencyKey = crypto.randomUUID(), ...call } = options;
    // A header takes nothing else; Orla's own limit is the same.
    if (!/^[\x21-\x7e]{1,200}$/.test(idempotencyKey)) {
      throw new OrlaError("invalid_request", "The idempotencyKey cannot be one.", {
        hint: "It has 1 to 200 visible ASCII characters, such as a UUID.",
      });
    }
    return new Answer(
      await this.#transport.json({
        ...call,
        method: "POST",
        path: `${pathOf("/api/v1/queues", [queue], "a queue")}/messages`,
        headers: { "content-type": "application/json", "idempotency-key": idempotencyKey },
        body: JSON.stringify(body),
        repeatable: true,
      }),
    );
  }
}

function wireForm({ payload = null, delayMs, key, priority, uniqueKey }: Message): unknown {
  return { payload, delay_ms: delayMs, key, priority, unique_key: uniqueKey };
}
