/**
 * A request's body, within its limits: a small announced one whole, any other as a stream that is
 * read from the socket only as fast as the function reads.
 */
import { OrlaError } from "../base/errors.ts";
import type { InboundHeaders } from "./inbound-headers.ts";
import { type GatewayLimits, WHOLE_BODY_BYTES } from "./limits.ts";
import type { Overdue } from "./overdue.ts";

export type RequestBody = Uint8Array | ReadableStream<Uint8Array> | null;

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
  return request.body === null ? null : guarded(request.body, options);
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
  return await new Response(body).bytes();
}

function readWhole(request: Request, { idle, limits }: BodyOptions): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const read: BodyRead = { giveUp: () => reject(stoppedSending(limits)) };
    idle.add(read);
    request.bytes().then(
      (bytes) => {
        idle.delete(read);
        resolve(bytes);
      },
      (cause) => {
        idle.delete(read);
        reject(clientGone(cause));
      },
    );
  });
}

function guarded(
  source: ReadableStream<Uint8Array>,
  { idle, limits, onFailure }: BodyOptions,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let received = 0;

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const fail = (error: OrlaError) => {
        controller.error(error);
        onFailure(error);
        reader.cancel(error).catch(() => {});
      };
      let givenUp = false;
      const read: BodyRead = {
        giveUp() {
          givenUp = true;
          fail(stoppedSending(limits));
        },
      };
      idle.add(read);
      try {
        const { done, value } = await reader.read();
        if (givenUp) return;
        if (done) return controller.close();
        received += value.byteLength;
        if (received > limits.maxBodyBytes) return fail(tooLarge(limits));
        controller.enqueue(value);
      } catch (cause) {
        if (!givenUp) fail(clientGone(cause));
      } finally {
        idle.delete(read);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
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
