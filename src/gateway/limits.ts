/** What the HTTP front takes from a client, and for how long it waits. */
export interface GatewayLimits {
  /** Request body; more is 413. */
  readonly maxBodyBytes: number;
  /** Names and values of all headers; more is 431. */
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  /** The URL in UTF-16 units; more is 414. */
  readonly maxUrlLength: number;
  /** Without a byte of a started request body for so long, the request ends with 408. */
  readonly bodyIdleTimeoutMs: number;
  /** Requests being worked on at once, open WebSockets included; more is 503. */
  readonly maxInFlight: number;
  /** How long a stopping gateway waits for requests in flight before it cuts them. */
  readonly drainTimeoutMs: number;
}

export const defaultLimits: GatewayLimits = {
  // Ten megabytes hold an upload from a form; more belongs into object storage.
  maxBodyBytes: 10 * 1024 * 1024,
  // As generous as the common proxies: nginx takes 4 × 8 KB, Envoy 60 KB and 100 headers.
  maxHeaderBytes: 32 * 1024,
  maxHeaders: 100,
  maxUrlLength: 16 * 1024,
  // A phone in a tunnel recovers within seconds; a slow-body attack must not live for minutes.
  bodyIdleTimeoutMs: 30_000,
  // The goal of 10,000 calls waiting on I/O, and room above it. A waiting call costs a few KB here.
  maxInFlight: 16_384,
  // The default function time-out: whatever runs may end by itself.
  drainTimeoutMs: 30_000,
};

/**
 * Bodies that announce at most this length are read whole and handed over as one array. Measured:
 * 1 KB costs 1 µs whole and 22 as a stream, 60 KB 44 and 57. Above, memory would be the price.
 */
export const WHOLE_BODY_BYTES = 64 * 1024;

/**
 * Only after so long is a call's client watched for going away: reading `request.signal` costs 6 µs
 * (Deno 2.9.5: 164,000 requests/s without, 83,000 with), and most calls are over by then.
 */
export const CLIENT_WATCH_DELAY_MS = 10;
