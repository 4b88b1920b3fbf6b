/** Things worth attacking: listeners that nobody should reach, and files that nobody should make. */
export interface Targets extends AsyncDisposable {
  readonly port: number;
  /** Sends whoever comes on to `port`. */
  readonly redirectPort: number;
  readonly unixSocket: string;
  readonly abstractName: string;
  readonly hostname: string;
  readonly hostAddress: string;
  /** A path nobody has had before. */
  newFile(): string;
  /** What was reached, or made, since this was last asked. */
  harm(): string[];
}

export async function setUpTargets(): Promise<Targets> {
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "orla-target-" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  await Deno.chmod(directory, 0o777);
  const reached: string[] = [];
  const server = stack.use(
    Deno.serve({ hostname: "0.0.0.0", port: 0, onListen() {} }, (request) => {
      reached.push(`${request.method} ${request.url}`);
      return new Response("reached", { headers: { "x-reached": "yes" } });
    }),
  );
  const redirect = stack.use(
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      const { port } = server.addr;
      return new Response(null, {
        status: 302,
        headers: { location: `http://127.0.0.1:${port}/` },
      });
    }),
  );
  const unixSocket = `${directory}/socket`;
  listen(unixSocket, "a unix socket");
  await Deno.chmod(unixSocket, 0o777);
  const abstractName = `orla-target-${crypto.randomUUID()}`;
  listen(`\0${abstractName}`, "an abstract socket");

  function listen(path: string, what: string): void {
    const listener = stack.use(Deno.listen({ transport: "unix", path }));
    (async () => {
      for await (const connection of listener) {
        reached.push(what);
        connection.close();
      }
    })();
  }
  const files: string[] = [];
  const owned = stack.move();
  const hostname = Deno.hostname();
  return {
    port: server.addr.port,
    redirectPort: redirect.addr.port,
    unixSocket,
    abstractName,
    hostname,
    hostAddress: "127.0.0.1",
    newFile() {
      const path = `${directory}/made-${files.length}`;
      files.push(path);
      return path;
    },
    harm() {
      const made = files.filter(exists);
      for (const path of made) Deno.removeSync(path);
      return [...reached.splice(0), ...made];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path) !== null;
  } catch {
    return false;
  }
}
