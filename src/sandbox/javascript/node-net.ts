/**
 * Node's sockets by tunnels through the egress proxy. They end in a handle, which is told to connect
 * to an address; here it is given a connection that is a tunnel to the name instead. All above it,
 * node:tls, node:http, node:https and what is built on them, neither know nor care.
 *
 * Node costs memory and time, so this is only done for code that names one of those modules.
 */
import { openTunnel } from "./sockets.ts";
import { theWayOut } from "./way-out.ts";

interface ConnectOptions {
  readonly port?: number | string;
  readonly host?: string;
  readonly path?: string | null;
}

/** What Node calls when a handle has connected. */
interface ConnectRequest {
  oncomplete(status: number, handle: Handle, request: unknown, read: boolean, write: boolean): void;
}

interface Handle {
  readonly _parent?: Handle;
  connect(this: Handle, request: ConnectRequest, address: string, port: number): number;
  openFromRid(rid: number): number;
}

interface NodeSocket {
  readonly _handle: Handle | null;
  readonly destroyed: boolean;
  connect(...args: unknown[]): NodeSocket;
  destroy(error?: Error): void;
  on(event: "error", listener: () => void): void;
}

type Normalized = readonly [options: ConnectOptions, callback: (() => void) | null];

interface NodeNet {
  readonly Socket: {
    new (): NodeSocket;
    readonly prototype: { connect(this: NodeSocket, ...args: unknown[]): NodeSocket };
  };
  _normalizeArgs(args: readonly unknown[]): Normalized;
}

const { apply } = Reflect;
const { isArray } = Array;
const { getOwnPropertySymbols, getPrototypeOf } = Object;
const then = Promise.prototype.then;

interface Destination {
  readonly socket: NodeSocket;
  readonly host: string;
  readonly port: number;
}

export async function installNodeNet(): Promise<void> {
  const { default: net } = await import("node:net") as unknown as { readonly default: NodeNet };
  const { prototype } = net.Socket;
  const { connect } = prototype;
  const destinations = new WeakMap<Handle, Destination>();
  const destinationOf = destinations.get.bind(destinations);
  const remember = destinations.set.bind(destinations);

  prototype.connect = function (...args) {
    const [options, callback] = isArray(args[0])
      ? args[0] as unknown as Normalized // as Node hands them on to itself
      : net._normalizeArgs(args);
    const { host = "localhost", port } = options;
    if (port === undefined || (options.path ?? null) !== null) return apply(connect, this, args);
    const toProxy = {
      ...{ ...options, host: "127.0.0.1", port: theWayOut().port },
      ...{ lookup: undefined, localAddress: undefined, localPort: undefined },
      autoSelectFamily: false,
    };
    apply(connect, this, [toProxy, callback]);
    const handle = tcpHandleOf(this);
    if (handle !== null) remember(handle, { socket: this, host, port: Number(port) });
    return this;
  };

  const handles = handlePrototype(net, connect);
  const connectHandle = handles.connect;
  handles.connect = function (request, address, port) {
    const destination = destinationOf(this);
    if (destination === undefined) return apply(connectHandle, this, [request, address, port]);
    connectThrough(destination, this, request);
    return 0;
  };
}

/** That of TLS lies upon one of TCP. */
function tcpHandleOf({ _handle }: NodeSocket): Handle | null {
  return _handle?._parent ?? _handle;
}

/** Handles of TCP are made nowhere but in sockets. This one is given up before it does anything. */
function handlePrototype(net: NodeNet, connect: NodeSocket["connect"]): Handle {
  const socket = new net.Socket();
  socket.on("error", () => {});
  apply(connect, socket, [{ host: "127.0.0.1", port: 1 }]);
  const handle = tcpHandleOf(socket);
  if (handle === null) throw new Error("sockets have no handle in this Node");
  socket.destroy();
  return getPrototypeOf(handle);
}

function connectThrough(
  { socket, host, port }: Destination,
  handle: Handle,
  request: ConnectRequest,
): void {
  apply(then, openTunnel(host, port), [
    (connection: Deno.TcpConn) => {
      if (socket.destroyed || tcpHandleOf(socket) !== handle) return connection.close();
      const status = handle.openFromRid(ridOf(connection));
      request.oncomplete(status, handle, request, true, true);
    },
    (error: Error) => void socket.destroy(nodeError(error, host, port)),
  ]);
}

function ridOf(connection: Deno.TcpConn): number {
  const symbol = getOwnPropertySymbols(connection).find((each) =>
    each.description === "Deno.internal.rid"
  );
  if (symbol === undefined) throw new Error("connections have no number in this Deno");
  return (connection as unknown as Record<symbol, number>)[symbol] ?? -1;
}

/** Codes that programs look at, as Node has them. */
const codes: Readonly<Record<string, string>> = {
  NotCapable: "EACCES",
  ConnectionRefused: "ECONNREFUSED",
  NotFound: "ENOTFOUND",
  TimedOut: "ETIMEDOUT",
};

function nodeError(cause: Error, address: string, port: number): Error {
  const code = codes[cause.name] ?? "ECONNRESET";
  return Object.assign(
    new Error(`connect ${code} ${address}:${port}: ${cause.message}`, { cause }),
    {
      ...{ code, syscall: "connect", address, port },
    },
  );
}
