/** The URLs under which clients reach a node. */

export interface Listeners {
  readonly host: string;
  readonly httpPort: number;
  readonly sqlPort: number;
  readonly encrypted: boolean;
}

export function httpUrl({ host, httpPort, encrypted }: Listeners): string {
  return `${encrypted ? "https" : "http"}://${reachable(host)}:${httpPort}`;
}

/** The database's own user, password and name; the gateway's address. */
export function sqlUrl({ host, sqlPort }: Listeners, databaseUrl: string): string {
  const { username, password, pathname } = new URL(databaseUrl);
  const login = password === "" ? username : `${username}:${password}`;
  const database = pathname.length > 1 ? pathname : `/${username}`;
  return `postgres://${login}@${reachable(host)}:${sqlPort}${database}`;
}

/** An address to connect to, for one to listen on. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
