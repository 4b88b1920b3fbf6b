/** Couples the sockets of clients with functions that accepted a WebSocket upgrade. */
import { OrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { WebSocketBridge } from "../functions/call.ts";
import { type FunctionVersion, qualifiedName } from "../functions/function.ts";

/** RFC 6455, section 7.4.1: the server is going down. */
const GOING_AWAY = 1001;

export interface AcceptedSocket {
  readonly response: Response;
  /** Both ends are closed. Never rejects. */
  readonly ended: Promise<void>;
}

export class WebSockets {
  readonly #log: Logger;
  readonly #open = new Map<WebSocket, Promise<void>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Throws `invalid_request` when the request is no proper upgrade. */
  accept(request: Request, bridge: WebSocketBridge, version: FunctionVersion): AcceptedSocket {
    const { socket, response } = upgrade(request, bridge.protocol);
    const ended = bridge.connect(socket)
      .catch((error: unknown) => {
        this.#log.debug("WebSocket ended with an error", {
          function: qualifiedName(version),
          error,
        });
      })
      .finally(() => this.#open.delete(socket));
    this.#open.set(socket, ended);
    return { response, ended };
  }

  /** Tells every client that the server goes away; resolves when all functions have let go. */
  async closeAll(): Promise<void> {
    for (const socket of this.#open.keys()) {
      if (socket.readyState === WebSocket.OPEN) socket.close(GOING_AWAY, "The server is stopping");
    }
    await Promise.all(this.#open.values());
  }
}

function upgrade(request: Request, protocol: string): Deno.WebSocketUpgrade {
  try {
    return protocol === ""
      ? Deno.upgradeWebSocket(request)
      : Deno.upgradeWebSocket(withSpacedProtocols(request), { protocol });
  } catch (cause) {
    throw new OrlaError(
      "invalid_request",
      `The WebSocket upgrade failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/**
 * The request with its sub-protocols listed as `a, b`. `Deno.upgradeWebSocket` knows no other way of
 * writing them, but `a,b` is as good (RFC 9110, section 5.6.1), and npm's `ws` sends that.
 */
function withSpacedProtocols(request: Request): Request {
  const headers = new Headers(request.headers);
  const listed = headers.get("sec-websocket-protocol") ?? "";
  headers.set("sec-websocket-protocol", listed.split(",").map((name) => name.trim()).join(", "));
  return Object.create(request, { headers: { value: headers } });
}
