/** What the proxy itself answers; the table in `egress-proxy.ts` tells each code's meaning. */

const statuses = {
  bad_request: [400, "Bad Request"],
  not_allowed: [403, "Forbidden"],
  unauthenticated: [407, "Proxy Authentication Required"],
  head_too_large: [431, "Request Header Fields Too Large"],
  name_not_found: [502, "Bad Gateway"],
  connect_failed: [502, "Bad Gateway"],
  tls_failed: [502, "Bad Gateway"],
  bad_response: [502, "Bad Gateway"],
  too_many: [503, "Service Unavailable"],
  connect_timeout: [504, "Gateway Timeout"],
} as const;

export type RefusalCode = keyof typeof statuses;

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Names the proxy's own answers, and is taken out of everybody else's. */
export const REFUSAL_HEADER = "orla-egress";

/** The whole response, after which the connection is closed. */
export function encodeRefusal({ code, message }: Refusal): Uint8Array {
  const [status, reason] = statuses[code];
  const body = JSON.stringify({ error: { code, message } });
  const bytes = new TextEncoder().encode(body);
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    "Content-Type: application/json",
    `Content-Length: ${bytes.length}`,
    `Orla-Egress: ${code}`,
    ...code === "unauthenticated" ? ['Proxy-Authenticate: Basic realm="orla"'] : [],
    "Connection: close",
  ];
  const answer = new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`);
  const whole = new Uint8Array(answer.length + bytes.length);
  whole.set(answer);
  whole.set(bytes, answer.length);
  return whole;
}
