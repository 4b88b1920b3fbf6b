/**
 * A request's body, within its limits: a small announced one whole, any other as a stream that is
 * read from the socket only as fast as the function reads.
 */
import { OrlaError } from "../base/errors.ts";
import type { InboundHeaders } from "./inbound-headers.ts";
import { type GatewayLimits, WHOLE_BODY_BYTES } from "./limits.ts";
import type { Overdue } from "./overdue.ts";

export type RequestBody = Uint8Array | StreamedBody | null;

/** A read from a client that may have stopped sending. */
export interface BodyRead {
  giveUp(): void;
}

export interface BodyOptions {
  readonly limits: GatewayLimits;
  /** Gives up reads that wait for longer than the idle time-out. */
  readonly idle: Overdue<BodyRead>;
  /** Told once when a streamed body breaks a limit or stops: the call cannot succeed any more. */
  readonly onFailure: (error: OrlaError) => void;
}

/** Deno gives GET and HEAD no body, whatever their headers say. */
export function hasBody(method: string, headers: InboundHeaders): boolean {
  return method !== "GET" && method !== "HEAD" && headers.contentLength !== 0;
}

/** Throws `payload_too_large` before anything is read when the announced length is too much. */
export function readBody(
  request: Request,
  headers: InboundHeaders,
  options: BodyOptions,
): RequestBody | Promise<Uint8Array> {
  const length = headers.contentLength;
  if (length !== undefined && length > options.limits.maxBodyBytes) throw tooLarge(options.limits);
  if (!hasBody(request.method, headers)) return null;
  if (length !== undefined && length <= WHOLE_BODY_BYTES) return readWhole(request, options);
  return request.body === null ? null : new StreamedBody(request.body, options);
}

/** The whole body, however it comes, for requests whose body is one JSON text. */
export async function readBodyBytes(
  request: Request,
  headers: InboundHeaders,
  options: Omit<BodyOptions, "onFailure">,
): Promise<Uint8Array> {
  const body = await readBody(request, headers, { ...options, onFailure: () => {} });
  if (body === null) return new Uint8Array(0);
  if (body instanceof Uint8Array) return body;
  return await new Response(body.stream).bytes();
}

/** The body as it comes, however short, for routes with limits of their own. */
export function streamBody(
  request: Request,
  headers: InboundHeaders,
  options: Omit<BodyOptions, "onFailure">,
  maxBodyBytes: number,
): ReadableStream<Uint8Array> {
  const limits = { ...options.limits, maxBodyBytes };
  if (headers.contentLength !== undefined && headers.contentLength > maxBodyBytes) {
    throw tooLarge(limits);
  }
  if (request.body === null) return new Blob([]).stream();
  return new StreamedBody(request.body, { ...options, limits, onFailure: () => {} }).stream;
}

function readWhole(request: Request, { idle, limits }: BodyOptions): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const read: BodyRead = { giveUp: () => reject(stoppedSending(limits)) };
    const watch = idle.add(read);
    request.bytes().then(
      (bytes) => {
        idle.remove(watch);
        resolve(bytes);
      },
      (cause) => {
        idle.remove(watch);
        reject(clientGone(cause));
      },
    );
  });
}

/** A body on its way. Read from the socket as the function reads, until {@link readAhead}. */
export class StreamedBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: BodyOptions;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #reading: Promise<void> | undefined;
  #received = 0;
  #isOver = false;

  constructor(source: ReadableStream<Uint8Array>, options: BodyOptions) {
    this.#reader = source.getReader();
    this.#options = options;
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#read(),
      cancel: (reason) => {
        this.#isOver = true;
        return this.#reader.cancel(reason);
      },
    }, { highWaterMark: 0 });
  }

  /** Reads what is left, wanted or not; the limits hold. Never rejects: failures end the stream. */
  async readAhead(): Promise<void> {
    while (!this.#isOver) await this.#read();
  }

  #read(): Promise<void> {
    return this.#reading ??= this.#readChunk().finally(() => this.#reading = undefined);
  }

  async #readChunk(): Promise<void> {
    const { idle, limits } = this.#options;
    const watch = idle.add({ giveUp: () => this.#fail(stoppedSending(limits)) });
    try {
      const { done, value } = await this.#reader.read();
      if (this.#isOver) return;
      if (done) {
        this.#isOver = true;
        return this.#controller.close();
      }
      this.#received += value.byteLength;
      if (this.#received > limits.maxBodyBytes) this.#fail(tooLarge(limits));
      else this.#controller.enqueue(value);
    } catch (cause) {
      if (!this.#isOver) this.#fail(clientGone(cause));
    } finally {
      idle.remove(watch);
    }
  }

  #fail(error: OrlaError): void {
    this.#isOver = true;
    this.#controller.error(error);
    this.#options.onFailure(error);
    this.#reader.cancel(error).catch(() => {});
  }
}

function tooLarge(limits: GatewayLimits): OrlaError {
  return new OrlaError(
    "payload_too_large",
    `The request's body is larger than ${limits.maxBodyBytes} bytes.`,
    { hint: "Send it in parts, or put it into object storage and send its address." },
  );
}

function stoppedSending(limits: GatewayLimits): OrlaError {
  return new OrlaError(
    "request_timeout",
    `No byte of the request's body came for ${limits.bodyIdleTimeoutMs / 1000} s.`,
  );
}

function clientGone(cause: unknown): OrlaError {
  return new OrlaError("cancelled", "The request's body broke off.", {
    cause,
  });
}
