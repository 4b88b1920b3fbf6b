/** Leads everything that reaches into the network to the way out. */
import { installEventSource } from "./event-source.ts";
import { installFetch } from "./fetch.ts";
import { installHttpClient } from "./http-client.ts";
import { installWebSocket } from "./outgoing-web-socket.ts";
import { installSockets } from "./sockets.ts";

export function installNetwork(): void {
  installFetch();
  installEventSource();
  installHttpClient();
  installWebSocket();
  installSockets();
}
